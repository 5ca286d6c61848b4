//! The tour's client: plain HTTP, so that what it shows is what anybody sends.

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Longest summary of an answer, in characters.
const SUMMARY_CHARS_MAX: usize = 160;

pub(super) struct Client {
    url: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) request_id: String,
    pub(super) session: Option<String>,
    body: Value,
}

impl Client {
    pub(super) fn new(url: String) -> Self {
        Self { url, http: HttpClient::builder(TokioExecutor::new()).build_http() }
    }

    /// A modern call; `name` goes into `Mcp-Name`.
    pub(super) async fn call(
        &self,
        token: &str,
        method: &str,
        (params, name): &(Value, Option<String>),
    ) -> anyhow::Result<Answer> {
        let mut params = params.clone();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
        self.post(token, &headers, &json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).await
    }

    pub(super) async fn initialize(&self, token: &str) -> anyhow::Result<Answer> {
        let client = json!({"name": "partywall-tour", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.post(token, &[], &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})).await
    }

    pub(super) async fn in_session(&self, token: &str, session: &str, method: &str) -> anyhow::Result<Answer> {
        let headers = [("mcp-session-id", session), ("mcp-protocol-version", "2025-11-25")];
        self.post(token, &headers, &json!({"jsonrpc": "2.0", "id": 2, "method": method})).await
    }

    async fn post(&self, token: &str, headers: &[(&str, &str)], body: &Value) -> anyhow::Result<Answer> {
        let mut request = Request::post(&self.url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .http
            .request(request.body(Full::from(body.to_string()))?)
            .await
            .context("the gateway did not answer")?;
        Answer::read(response).await
    }
}

impl Answer {
    async fn read(response: Response<Incoming>) -> anyhow::Result<Self> {
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
        // An answer as a stream: the message is the last event's data.
        let json = text.lines().rev().find_map(|line| line.strip_prefix("data: ").filter(|data| data.starts_with('{')));
        Ok(Self {
            status: parts.status.as_u16(),
            request_id: header("partywall-request-id").unwrap_or_default(),
            session: header("mcp-session-id"),
            body: serde_json::from_str(json.unwrap_or(&text)).unwrap_or(Value::Null),
        })
    }

    /// Whether the answer is a JSON-RPC error.
    pub(super) fn refused(&self) -> bool {
        self.body.get("error").is_some()
    }

    /// The id in the result of `add`.
    pub(super) fn note_id(&self) -> Option<String> {
        self.body.pointer("/result/structuredContent/id")?.as_str().map(str::to_owned)
    }

    /// What matters of the answer, on one line.
    pub(super) fn summary(&self) -> String {
        let text =
            self.body.pointer("/error/message").and_then(Value::as_str).map(|message| format!("refused: {message}"));
        let text = text.or_else(|| self.body.pointer("/result/content/0/text")?.as_str().map(str::to_owned));
        let text = text.or_else(|| {
            self.body.pointer("/result/serverInfo/name")?.as_str().map(|name| format!("session with {name}"))
        });
        text.unwrap_or_else(|| self.body.to_string()).replace('\n', " ").chars().take(SUMMARY_CHARS_MAX).collect()
    }
}
