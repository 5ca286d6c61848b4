//! Honest clients, whose every answer is held against its question: the id, the tenant, and a text that no other call has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant as At, sleep_until};

use super::Scene;
use crate::hostile::{GOOD, WELL};

/// How long a call may take. Beyond it the answer counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An honest tenant.
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) token: String,
}

/// What became of the calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered as they should be.
    pub answered: u64,
    /// Answered with what is another call's, or nobody's.
    pub wrong: u64,
    /// Refused.
    pub refused: u64,
    /// Without an answer: the connection broke, or nothing came in time.
    pub lost: u64,
}

#[derive(Default)]
struct Counters {
    next: AtomicU64,
    answered: AtomicU64,
    wrong: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
}

/// All honest clients.
pub(super) struct Load {
    to: Arc<To>,
    clients: u32,
}

struct To {
    address: SocketAddr,
    host: String,
    tenants: Arc<Vec<Tenant>>,
    counters: Counters,
}

impl Load {
    pub(super) fn new(scene: &Scene, clients: usize) -> Self {
        let tenants = Arc::clone(&scene.honest);
        let to = To { address: scene.address, host: scene.host.clone(), tenants, counters: Counters::default() };
        Self { to: Arc::new(to), clients: u32::try_from(clients).unwrap_or(u32::MAX) }
    }

    /// Calls as fast as they are answered; how many a second that is.
    pub(super) async fn saturate(&self, duration: Duration) -> f64 {
        let (since, before) = (Instant::now(), self.counts().answered);
        self.all(move |_| Pace::Busy { until: At::now() + duration }).await;
        share(self.counts().answered - before, since.elapsed())
    }

    /// Calls at a constant rate. A call whose time has come and whose connection is busy follows as soon as it can.
    pub(super) async fn go_on(&self, rate: f64, duration: Duration) {
        let (clients, began) = (f64::from(self.clients), At::now());
        let every = Duration::from_secs_f64(clients / rate);
        let pace = move |number: u32| Pace::Steady {
            next: began + every.mul_f64(f64::from(number) / clients),
            every,
            until: began + duration,
        };
        self.all(pace).await;
    }

    async fn all(&self, pace: impl Fn(u32) -> Pace) {
        let mut callers = JoinSet::new();
        for number in 0..self.clients {
            callers.spawn(caller(Arc::clone(&self.to), pace(number)));
        }
        while callers.join_next().await.is_some() {}
    }

    pub(super) fn counts(&self) -> Counts {
        let Counters { answered, wrong, refused, lost, .. } = &self.to.counters;
        let [answered, wrong, refused, lost] =
            [answered, wrong, refused, lost].map(|counter| counter.load(Ordering::Relaxed));
        Counts { answered, wrong, refused, lost }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn share(calls: u64, took: Duration) -> f64 {
    calls as f64 / took.as_secs_f64()
}

/// When a caller calls.
enum Pace {
    Busy { until: At },
    Steady { next: At, every: Duration, until: At },
}

impl Pace {
    /// Waits for the time of the next call; whether there is one.
    async fn next(&mut self) -> bool {
        match self {
            Self::Busy { until } => At::now() < *until,
            Self::Steady { next, every, until } => {
                sleep_until(*next).await;
                *next += *every;
                *next < *until && At::now() < *until
            }
        }
    }
}

/// One client with one connection, which it opens anew where it broke.
async fn caller(to: Arc<To>, mut pace: Pace) {
    let mut connection = None;
    while pace.next().await {
        let number = to.counters.next.fetch_add(1, Ordering::Relaxed);
        let outcome = match connection.take() {
            Some(connection) => Ok(connection),
            None => to.connect().await,
        };
        let answer = match outcome {
            Ok(open) => tokio::time::timeout(ANSWER_TIMEOUT, to.call(open, number, &mut connection)).await,
            Err(why) => Ok(Err(why)),
        };
        let counter = match &answer {
            Ok(Ok((StatusCode::OK, true))) => &to.counters.answered,
            Ok(Ok((StatusCode::OK, false))) => &to.counters.wrong,
            Ok(Ok(_)) => &to.counters.refused,
            Ok(Err(_)) | Err(_) => &to.counters.lost,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

type Connection = SendRequest<Full<Bytes>>;

impl To {
    async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// One call; its status, and whether the answer is its own. The connection goes back where it is left.
    async fn call(
        &self,
        mut connection: Connection,
        number: u64,
        left: &mut Option<Connection>,
    ) -> Result<(StatusCode, bool)> {
        let at = usize::try_from(number)? % self.tenants.len();
        let tenant = &self.tenants[at];
        let nonce = format!("nonce-{number}");
        let answer = connection.send_request(self.request(tenant, number, &nonce)?).await?;
        let status = answer.status();
        let goes_on = answer.headers().get("connection").is_none_or(|value| value != "close");
        let body = answer.into_body().collect().await?.to_bytes();
        let said: Value = serde_json::from_slice(&body).map_err(|error| anyhow!("no JSON: {error}"))?;
        let content = &said["result"]["content"];
        let own = said["id"] == number && content[0]["text"] == *tenant.name && content[1]["text"] == *nonce;
        // Whatever is to be read of it has been.
        if goes_on && connection.ready().await.is_ok() {
            *left = Some(connection);
        }
        Ok((status, own))
    }

    fn request(&self, tenant: &Tenant, number: u64, nonce: &str) -> Result<Request<Full<Bytes>>> {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
        let params = json!({"name": WELL, "arguments": {"nonce": nonce}, "_meta": meta});
        let body = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).to_string();
        Ok(Request::post(format!("/mcp/{GOOD}"))
            .header("host", &self.host)
            .header("authorization", format!("Bearer {}", tenant.token))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", WELL)
            .body(Full::from(body))?)
    }
}
