//! The listener: connections in, requests to the front. HTTP/1.1; its own limits stand here, nothing of MCP.

mod patient;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use partywall_domain::event;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::Gateway;
use patient::Patient;

/// Connections served at the same time. Default 10,000: half of the descriptors a process commonly has, since a
/// call needs one on each side.
const CONNECTIONS_MAX: usize = 10_000;
/// How long a client may take for the head of a request. Default 10 s: slow networks pass, slow attacks do not.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head. Default 64 KiB: a token of 16 KiB, mirrored arguments and room.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a client may take nothing of what is written to it. Default 30 s: a phone that changes networks comes back
/// by then, and what such a client holds up is free again.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a drain may take before what is left is cut. Default 30 s: the usual grace of an orchestrator.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// What the listener shows to clients over TLS; what is sent here holds for the next connection.
pub type Tls = watch::Receiver<Arc<ServerConfig>>;

/// Serves until `stop` is cancelled, then drains: no new connections, long-lived streams end, calls finish.
///
/// Returns the number of connections that were cut because the drain took longer than [`DRAIN_TIMEOUT`].
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, tls: Option<Tls>, stop: CancellationToken) -> usize {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            (stream, place) = accept(&listener, &places) => {
                let tls = tls.as_ref().map(|tls| TlsAcceptor::from(Arc::clone(&tls.borrow())));
                tokio::spawn(connection(Arc::clone(&gateway), stream, tls, graceful.watcher(), place));
            }
        }
    }
    drop(listener);
    gateway.draining.cancel();
    let left = graceful.count();
    match timeout(DRAIN_TIMEOUT, graceful.shutdown()).await {
        Ok(()) => 0,
        Err(_) => left,
    }
}

/// The next connection, once there is a place for it: beyond the limit, clients wait in the system's backlog.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                // Out of descriptors or the like: waiting is all that helps, and a loop without a pause is no wait.
                tracing::warn!(event = event::CONNECTION, cause = %error);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    gateway: Arc<Gateway>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    watcher: Watcher,
    place: Option<OwnedSemaphorePermit>,
) {
    // Small answers must not wait for the next acknowledgement.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    // A proxy of ours has many clients, and this machine is no client.
    let free = peer.to_canonical().is_loopback() || gateway.public_url.is_proxy(peer);
    let connected = if free { None } else { gateway.addresses.connect(peer) };
    if connected.is_none() && !free {
        return;
    }
    let stream = Patient::new(stream, WRITE_TIMEOUT);
    match tls {
        None => requests(gateway, stream, peer, watcher).await,
        Some(tls) => match timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => requests(gateway, stream, peer, watcher).await,
            Ok(Err(error)) => tracing::debug!(event = event::CONNECTION, cause = %error),
            Err(_) => tracing::debug!(event = event::CONNECTION, cause = "the TLS handshake took too long"),
        },
    }
    drop((place, connected));
}

async fn requests<S>(gateway: Arc<Gateway>, stream: S, peer: IpAddr, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.answer(request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // A head has at most 100 lines: hyper's own bound, which takes memory for each request where it is set.
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(event = event::CONNECTION, cause = %error);
    }
}
