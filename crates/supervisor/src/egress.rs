//! The way out of a box, where the catalog opens one: to named hosts and ports, through a small proxy of the gateway's.
//!
//! The box has no route anywhere. What it has is a listener on its own loopback, made by the keeper and handed to the
//! gateway, where a proxy answers `CONNECT`. A name is resolved once, here, and the address that was judged is the
//! address that is connected to. The proxy reads nothing of what passes and adds nothing to it.

mod address;
mod request;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub use partywall_domain::Egress;
pub(crate) use request::HEAD_BYTES_MAX;
use request::{Target, target};

/// Port of the proxy on the loopback of a box.
pub const PROXY_PORT: u16 = 3128;
/// Connections of one instance at once. 64: a browser's worth; more is no tool call.
const CONNECTIONS_MAX: usize = 64;
/// Until a connection must have said where it wants to go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Until a name must be resolved, and until the host must have answered.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failure to accept, so that a lack of descriptors is no busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a box does not get out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// No rule names it.
    #[error("`{0}:{1}` is not among the hosts that the catalog opens; add it under `egress`")]
    NotNamed(String, u16),
    /// It leads where only what is named may lead.
    #[error("`{0}` leads to `{1}`, which is not public; set `private = true` at its rule if that is meant")]
    Private(String, std::net::IpAddr),
    /// It cannot be reached.
    #[error("`{0}` cannot be reached: {1}")]
    Unreachable(String, String),
}

/// Serves the listener of one box until the listener fails for good or the task is ended.
pub(crate) async fn serve(
    listener: TcpListener,
    rules: Arc<[Egress]>,
    refused: impl Fn(&Closed) + Send + Sync + 'static,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let refused = Arc::new(refused);
    loop {
        // Who finds no place waits in the kernel's own queue, which is bounded.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (rules, refused) = (Arc::clone(&rules), Arc::clone(&refused));
                tokio::spawn(async move {
                    let _ = one(stream, &rules, &*refused).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn one(mut inner: TcpStream, rules: &[Egress], refused: &(impl Fn(&Closed) + Sync)) -> io::Result<()> {
    let Ok(head) = timeout(HEAD_TIMEOUT, head(&mut inner)).await else { return Ok(()) };
    let Some(wanted) = target(&head?) else {
        return inner
            .write_all(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: CONNECT\r\nContent-Length: 0\r\n\r\n")
            .await;
    };
    match reach(&wanted, rules).await {
        Ok(mut outer) => {
            inner.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
            copy_bidirectional(&mut inner, &mut outer).await.map(|_| ())
        }
        Err(closed) => {
            refused(&closed);
            let told = closed.to_string();
            let status = if matches!(closed, Closed::Unreachable(..)) { "502 Bad Gateway" } else { "403 Forbidden" };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{told}",
                told.len()
            );
            inner.write_all(answer.as_bytes()).await
        }
    }
}

/// The head of a request, and not a byte behind it: what follows is for the host.
async fn head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            return Err(io::Error::other("the head of the request is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

/// A connection to what is wanted, if a rule names it and it leads where it may.
async fn reach(wanted: &Target, rules: &[Egress]) -> Result<TcpStream, Closed> {
    let Some(rule) = rules.iter().find(|rule| wanted.is(rule)) else {
        return Err(Closed::NotNamed(wanted.host.clone(), wanted.port));
    };
    let unreachable = |why: String| Closed::Unreachable(wanted.host.clone(), why);
    let addresses = timeout(CONNECT_TIMEOUT, lookup_host((wanted.host.as_str(), wanted.port))).await;
    let addresses = addresses.map_err(|_| unreachable("its name is not resolved in time".to_owned()))?;
    let addresses: Vec<SocketAddr> = addresses.map_err(|error| unreachable(error.to_string()))?.collect();
    // One address that is not public spoils the name: a resolver that mixes them is up to something.
    let meant = rule.private || wanted.is_address();
    if let Some(bad) = addresses.iter().find(|address| !meant && !address::is_public(address.ip())) {
        return Err(Closed::Private(wanted.host.clone(), bad.ip()));
    }
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(&addresses[..])).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(unreachable(error.to_string())),
        Err(_) => Err(unreachable("it does not answer in time".to_owned())),
    }
}

#[cfg(test)]
mod tests;
