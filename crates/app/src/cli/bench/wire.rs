//! One connection to the endpoint, polled by the task that calls on it: no task of its own, no pool, no redirects.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls::{self, Upstreams};

/// Bytes of an answer that are read. Default 64 MiB: far beyond what a tool should say.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Where connections go.
pub(super) struct Target {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// An open connection.
pub(super) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Driver>>,
}

/// Does the reading and writing.
type Driver = Connection<TokioIo<Box<dyn Io>>, Full<Bytes>>;

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Target {
    /// The target of a URL.
    pub(super) fn of(url: &Uri) -> anyhow::Result<Self> {
        let wrong =
            || format!("`{url}` is not the URL of an MCP endpoint; write for example http://127.0.0.1:7400/mcp/notes");
        let host = url.host().with_context(wrong)?.to_owned();
        let name = host.trim_matches(['[', ']']).to_owned();
        let tls = match url.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let config = Arc::new(tls::upstreams(&Upstreams::default())?);
                Some((TlsConnector::from(config), ServerName::try_from(name.clone()).with_context(wrong)?))
            }
            _ => bail!(wrong()),
        };
        let port = url.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        Ok(Self { host: name, port, tls })
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> anyhow::Result<Wire> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        tcp.set_nodelay(true)?;
        let io: Box<dyn Io> = match &self.tls {
            None => Box::new(tcp),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
        };
        let (sender, connection) = handshake(TokioIo::new(io)).await?;
        Ok(Wire { sender, connection: Box::pin(connection) })
    }
}

impl Wire {
    /// Sends a request and reads its answer to the end.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let Self { sender, connection } = self;
        let talk = async {
            sender.ready().await?;
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(anyhow::Error::from_boxed)?;
            anyhow::Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        };
        tokio::pin!(talk);
        tokio::select! {
            biased;
            answer = &mut talk => answer,
            // What ends with the connection has its answer by now, or has none.
            _ = connection => talk.await,
        }
    }

    /// Whether another request may go down this connection.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}
