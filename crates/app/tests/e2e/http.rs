//! Plain HTTP requests to a world: what any client could send, and what many would not.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The modern protocol version.
pub(crate) const MODERN: &str = "2026-07-28";
/// The newest legacy protocol version.
pub(crate) const LEGACY: &str = "2025-11-25";

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request that is being put together.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// A request with no headers but those that HTTP needs.
    pub(crate) fn new(method: Method, url: &str) -> Self {
        Self { method, url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A modern MCP request as a well-behaved client sends it.
    pub(crate) fn modern(url: &str, token: &str, method: &str, params: Value) -> Self {
        let mut params = params;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
        let mut ask = Self::post(url, token, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method);
        if let (Some(name), "tools/call" | "prompts/get" | "resources/read") = (name, method) {
            ask = ask.header("mcp-name", &name);
        }
        ask
    }

    /// `initialize` as a legacy client sends it.
    pub(crate) fn initialize(url: &str, token: &str) -> Self {
        let params =
            json!({"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "e2e", "version": "1"}});
        Self::post(url, token, &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
    }

    /// A request within a legacy session.
    pub(crate) fn legacy(url: &str, token: &str, session: &str, method: &str, params: Value) -> Self {
        let mut body = json!({"jsonrpc": "2.0", "id": 2, "method": method});
        body["params"] = params;
        Self::post(url, token, &body).header("mcp-session-id", session).header("mcp-protocol-version", LEGACY)
    }

    /// A POST of a JSON body with a token.
    pub(crate) fn post(url: &str, token: &str, body: &Value) -> Self {
        Self::new(Method::POST, url)
            .header("authorization", &format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body.to_string())
    }

    /// Adds a header, beside any of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    /// To another URL.
    pub(crate) fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// With another method.
    pub(crate) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With another body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it on a connection of its own and gives the head of the answer.
    pub(crate) async fn open(&self) -> http::Response<Incoming> {
        Kept::default().0.request(self.request(&self.url)).await.unwrap()
    }

    /// Sends it and reads the answer whole.
    pub(crate) async fn send(&self) -> Answer {
        Kept::default().send(self).await
    }

    fn request(&self, uri: &str) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::from(self.body.clone())).unwrap()
    }
}

/// A client that keeps its connection open from one request to the next.
pub(crate) struct Kept(Client<HttpConnector, Full<Bytes>>);

impl Default for Kept {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Kept {
    /// Sends a request and reads the answer whole.
    pub(crate) async fn send(&self, ask: &Ask) -> Answer {
        let (parts, body) = self.0.request(ask.request(&ask.url)).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// A connection that is never made anew: what is sent on it fails if it was cut.
pub(crate) struct OneConnection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl OneConnection {
    /// Connects to a listener by its URL.
    pub(crate) async fn to(url: &str) -> Self {
        let host = url.strip_prefix("http://").unwrap().to_owned();
        let stream = TokioIo::new(TcpStream::connect(&host).await.unwrap());
        let (sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { sender, host }
    }

    /// Sends a request to this listener and reads the answer whole.
    pub(crate) async fn send(&mut self, ask: &Ask) -> Answer {
        let (_, path) = ask.url.split_once(&self.host).expect("the request is for another listener");
        let ask = ask.clone().header("host", &self.host);
        self.sender.ready().await.expect("the connection was cut");
        let answer = self.sender.send_request(ask.request(path)).await.expect("the connection was cut");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

impl Answer {
    /// The JSON-RPC message: the body, or the last event of a stream that carries one.
    pub(crate) fn json(&self) -> Value {
        let text = std::str::from_utf8(&self.body).unwrap();
        let data = text.lines().rev().find_map(|line| line.strip_prefix("data: ").filter(|data| data.starts_with('{')));
        serde_json::from_str(data.unwrap_or(text)).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of a JSON-RPC error.
    pub(crate) fn code(&self) -> Option<i64> {
        self.json().pointer("/error/code").and_then(Value::as_i64)
    }

    /// The session that was opened.
    pub(crate) fn session(&self) -> String {
        self.header("mcp-session-id").expect("no session was opened").to_owned()
    }
}
