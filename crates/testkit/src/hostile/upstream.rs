//! The server that does all of it wrong, each on a path of its own, and right where it is asked to.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::answers::{self, Call};
use super::steps::{Step, read_out, write};
use super::wrong::{WRONG, Wrong};

/// The server on this upstream that does nothing wrong.
pub const GOOD: &str = "good";
/// The tool that every server on it answers as it should: with the tenant's name, as the assertion has it, and with the
/// argument `nonce`.
pub const WELL: &str = "well";

/// Exchanges and ended connections that are remembered. Beyond it the oldest are forgotten.
const EXCHANGES_MAX: usize = 10_000;

/// A running one. It serves until its runtime ends.
#[derive(Clone)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Book>,
}

/// One call, as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The connection it came on; each has a number of its own.
    pub connection: u64,
    /// The server it was for.
    pub server: String,
    /// Whether it was for the tool that is answered well.
    pub well: bool,
}

#[derive(Default)]
struct Book {
    connections: AtomicU64,
    exchanges: Mutex<Vec<Exchange>>,
    /// Connections that the gateway has closed.
    closed: Mutex<HashSet<u64>>,
}

impl Upstream {
    /// Starts one on a port that the system chooses.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let upstream = Self { address: listener.local_addr()?, seen: Arc::default() };
        let serving = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = serving.seen.connections.fetch_add(1, Ordering::Relaxed);
                let book = Arc::clone(&serving.seen);
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    serve(stream, number, &book).await;
                    book.over(number);
                });
            }
        });
        Ok(upstream)
    }

    /// The calls so far of one server, the oldest first.
    pub fn exchanges(&self, server: &str) -> Vec<Exchange> {
        let all = self.seen.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|exchange| exchange.server == server).cloned().collect()
    }

    /// Whether a connection is over.
    pub fn is_over(&self, connection: u64) -> bool {
        self.seen.closed.lock().unwrap_or_else(PoisonError::into_inner).contains(&connection)
    }

    /// Documents, in TOML, that put all of its servers behind a gateway, with these limits of each, and a plan `hostile`
    /// that grants them.
    pub fn documents(&self, server_limits: &str) -> String {
        let names = WRONG.iter().map(|wrong| wrong.server).chain([GOOD]);
        let servers: Vec<String> = names
            .map(|name| {
            format!(
                "[server.{name}]\nurl = \"http://{}/{name}\"\nsharing = \"stateless\"\nlimits = {{ {server_limits} }}\n\
                 [plan.hostile.servers.{name}]\nplacement = \"shared\"\ntools = {{ allow = [\"*\"] }}\n",
                self.address
            )
        })
        .collect();
        servers.concat()
    }
}

/// Serves one connection to its end.
async fn serve(mut stream: TcpStream, number: u64, book: &Book) {
    let mut buffer = Vec::new();
    while let Some(request) = Request::head(&mut stream, &mut buffer).await {
        let wrong = WRONG.iter().find(|wrong| wrong.server == request.server).filter(|_| !request.well);
        let reads = wrong.is_none_or(|wrong| wrong.reads);
        let Some(body) = request.body(&mut stream, &mut buffer, reads).await else { return };
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let is_probe = message["id"] == "partywall-probe";
        let wrong = wrong.filter(|_| !is_probe && message["params"]["name"] != WELL);
        if !is_probe {
            book.note(Exchange { connection: number, server: request.server.clone(), well: wrong.is_none() });
        }
        match wrong {
            Some(wrong) => return misbehave(stream, wrong, &message).await,
            None if stream.write_all(request.well(&message).as_bytes()).await.is_err() => return,
            None => {}
        }
    }
}

async fn misbehave(mut stream: TcpStream, wrong: &Wrong, message: &Value) {
    let id = if message["id"].is_null() { "1".to_owned() } else { message["id"].to_string() };
    let list = message["method"].as_str().is_some_and(|method| method.ends_with("/list"));
    let steps = (wrong.answer)(&Call { id, list });
    let going_on = write(&mut stream, &steps).await;
    match steps.last() {
        Some(Step::Reset) => {
            let _ = stream.set_zero_linger();
        }
        Some(Step::Hold) if going_on => read_out(&mut stream).await,
        _ => {}
    }
}

impl Book {
    fn over(&self, connection: u64) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.len() >= EXCHANGES_MAX {
            closed.clear();
        }
        closed.insert(connection);
    }

    fn note(&self, exchange: Exchange) {
        let mut all = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= EXCHANGES_MAX {
            all.drain(..EXCHANGES_MAX / 2);
        }
        all.push(exchange);
    }
}

/// A request, as far as it matters here.
struct Request {
    server: String,
    length: usize,
    /// The name of the tenant, as the assertion says it. It is believed: nobody else calls.
    tenant: String,
    /// Whether the head says already that it is to be answered well: it is no call, or one of the tool for that.
    well: bool,
}

impl Request {
    /// Reads a head; none where the connection has ended.
    async fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Self> {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            fill(stream, buffer).await?;
        };
        let head: Vec<u8> = buffer.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
        };
        Some(Self {
            server: head.split(' ').nth(1)?.trim_start_matches('/').to_owned(),
            length: header("content-length").parse().unwrap_or(0),
            tenant: tenant(header("authorization")).unwrap_or_default(),
            well: !header("mcp-method").starts_with("tools/") || header("mcp-name") == WELL,
        })
    }

    /// Its body: all of it, or what is there of it.
    async fn body(&self, stream: &mut TcpStream, buffer: &mut Vec<u8>, all: bool) -> Option<Vec<u8>> {
        while all && buffer.len() < self.length {
            fill(stream, buffer).await?;
        }
        Some(buffer.drain(..buffer.len().min(self.length)).collect())
    }

    /// The answer that it should get.
    fn well(&self, message: &Value) -> String {
        let text = |text: &str| json!({"type": "text", "text": text});
        let nonce = message["params"]["arguments"]["nonce"].as_str().unwrap_or_default();
        let capabilities = json!({"tools": {}});
        let result = match message["method"].as_str() {
            Some("server/discover") => {
                json!({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities, "ttlMs": 0, "cacheScope": "public"})
            }
            Some("initialize") => {
                json!({"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": {"name": "hostile", "version": "1"}})
            }
            Some("tools/list") => json!({"resultType": "complete", "tools": [{"name": WELL}]}),
            _ => json!({"resultType": "complete", "content": [text(&self.tenant), text(nonce)]}),
        };
        answers::json(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}).to_string())
    }
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(buffer).await.ok()?;
    (read > 0).then_some(())
}

/// The tenant's name out of an assertion.
fn tenant(authorization: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(authorization.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["tenant_name"].as_str().map(str::to_owned)
}
