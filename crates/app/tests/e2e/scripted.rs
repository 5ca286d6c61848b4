//! An upstream that answers what a test tells it to, when the test tells it to: for what no well-behaved server does,
//! and for tests that must know what came before what.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::http::{LEGACY, MODERN};

/// How long a test waits for what must happen. Long, because it passes only where the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for what must happen.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// Looks again and again until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let seen = async {
        loop {
            match look() {
                Some(seen) => return seen,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    soon(what, seen).await
}

/// The server.
pub(crate) struct Scripted {
    /// Where it serves MCP.
    pub(crate) url: String,
    asked: mpsc::Receiver<Asked>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// A request that reached it and waits for its answer.
pub(crate) struct Asked {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    answer: oneshot::Sender<Response>,
}

/// The body of an answer, which a test feeds. It ends when this is dropped.
pub(crate) struct Feed(mpsc::Sender<Bytes>);

struct Fed(mpsc::Receiver<Bytes>);

impl Scripted {
    /// Starts one; it runs until the test's runtime ends. To the gateway's own questions it says that it is a server
    /// of both eras.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (ask, asked) = mpsc::channel(64);
        let routes = Router::new().fallback(receive).with_state(ask);
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, asked, serving }
    }

    /// Takes no more connections.
    pub(crate) async fn go_away(self) {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
    }

    /// The next request.
    pub(crate) async fn asked(&mut self) -> Asked {
        soon("a request reaches the upstream", self.asked.recv()).await.unwrap()
    }

    /// Documents that put it behind a world as server `scripted`, all of it granted to both tenants, with these limits
    /// of the server, and of the tenants beside a rate that no test meets.
    pub(crate) fn documents(&self, server_limits: &str, tenant_limits: &str) -> String {
        let tenant_limits = if tenant_limits.is_empty() { String::new() } else { format!(", {tenant_limits}") };
        let tenant = |name: &str| {
            format!(
                "[tenant.{name}]\nplan = \"standard\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
                 limits = {{ calls_per_second = 10000, calls_burst = 10000{tenant_limits} }}\n[tenant.{name}.servers.scripted]\nplacement = \"shared\"\n\
                 tools = {{ allow = [\"*\"] }}\nprompts = {{ allow = [\"*\"] }}\nresources = {{ allow = [\"*\"] }}\n"
            )
        };
        let server = format!(
            "[server.scripted]\nurl = \"{}\"\nsharing = \"stateless\"\nlimits = {{ {server_limits} }}\n",
            self.url
        );
        [server, tenant("acme"), tenant("globex")].join("\n")
    }
}

async fn receive(State(ask): State<mpsc::Sender<Asked>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 24).await else { return StatusCode::BAD_REQUEST.into_response() };
    if let Some(answer) = to_probe(&body) {
        return axum::Json(answer).into_response();
    }
    let (answer, answered) = oneshot::channel();
    let _ = ask.send(Asked { head, body, answer }).await;
    answered.await.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

/// What the gateway is told when it asks for itself.
fn to_probe(body: &[u8]) -> Option<Value> {
    let message: Value = serde_json::from_slice(body).ok()?;
    let id = message["id"].as_str().filter(|id| *id == "partywall-probe")?;
    let info = json!({"name": "scripted", "version": "1"});
    let result = match message["method"].as_str()? {
        "server/discover" => {
            json!({"resultType": "complete", "supportedVersions": [MODERN], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "public"})
        }
        _ => json!({"protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": info}),
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Answers with this status, these headers and this body.
    pub(crate) fn answer(self, status: u16, headers: &[(&str, &str)], body: impl Into<Body>) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let _ = self.answer.send(response.body(body.into()).unwrap());
    }

    /// Answers with an empty result.
    pub(crate) fn done(self) {
        let message: Value = serde_json::from_slice(&self.body).unwrap();
        let done = json!({"jsonrpc": "2.0", "id": message["id"], "result": {"resultType": "complete", "content": []}});
        self.answer(200, &[("content-type", "application/json")], done.to_string());
    }

    /// Begins an event stream, which the test then feeds.
    pub(crate) fn stream(self) -> Feed {
        self.begin("text/event-stream")
    }

    /// Begins an answer of this type, which the test then feeds.
    pub(crate) fn begin(self, kind: &str) -> Feed {
        let (sender, receiver) = mpsc::channel(1);
        self.answer(200, &[("content-type", kind)], Body::new(Fed(receiver)));
        Feed(sender)
    }

    /// Waits until the gateway has given up waiting for an answer.
    pub(crate) async fn given_up(mut self) {
        soon("the gateway gives up the call", self.answer.closed()).await;
    }
}

impl Feed {
    /// Sends an event with this data.
    pub(crate) async fn event(&self, data: &Value) {
        soon("the gateway takes an event", self.0.send(format!("data: {data}\n\n").into())).await.unwrap();
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn closed(&self) {
        soon("the gateway closes the connection", self.0.closed()).await;
    }

    /// Whether the gateway still takes what is sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }
}

impl hyper::body::Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// An event stream as a client reads it, event by event.
pub(crate) struct Events {
    body: Incoming,
    pending: String,
}

impl Events {
    /// The stream of an answer, which must be one.
    pub(crate) fn of(answer: http::Response<Incoming>) -> Self {
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body(), pending: String::new() }
    }

    /// The next event, as it came, without the blank line that ends it; none at the stream's end.
    pub(crate) async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.pending.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.pending = rest;
                return Some(event);
            }
            let frame = soon("an event arrives", self.body.frame()).await?.unwrap();
            self.pending.push_str(str::from_utf8(frame.data_ref()?).unwrap());
        }
    }

    /// The message of the next event that carries one; none at the stream's end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: {")) {
                return Some(serde_json::from_str(&format!("{{{data}")).unwrap());
            }
        }
    }

    /// The message of the next event that carries one, and there must be one.
    pub(crate) async fn message(&mut self) -> Value {
        self.next().await.expect("the stream ended")
    }

    /// The id of an event.
    pub(crate) fn id(event: &str) -> Option<&str> {
        event.lines().find_map(|line| line.strip_prefix("id: "))
    }
}
