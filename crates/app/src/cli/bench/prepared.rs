//! Calls, made ready before the clock runs: sending one copies a head of a few pointers.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

/// The modern version that is spoken.
const MODERN: &str = "2026-07-28";
/// The legacy version that is spoken.
pub(super) const LEGACY: &str = "2025-11-25";
/// The header of a legacy session.
pub(super) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// One request, ready to be sent as often as wanted.
#[derive(Clone)]
pub(super) struct Prepared {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Prepared {
    /// A POST of this message. `host` is the authority of the URL.
    fn new(url: &Uri, host: &HeaderValue, token: Option<&HeaderValue>, body: Bytes) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        // The request line has the path alone (RFC 9112, section 3.2.1).
        let uri = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).parse()?;
        Ok(Self { uri, headers, body })
    }

    /// A call of the modern era.
    pub(super) fn modern(
        url: &Uri,
        host: &HeaderValue,
        token: Option<&HeaderValue>,
        call: &Call,
    ) -> anyhow::Result<Self> {
        let mut prepared = Self::new(url, host, token, call.modern.clone())?;
        prepared.headers.insert(VERSION, HeaderValue::from_static(MODERN));
        prepared.headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
        prepared.headers.insert("mcp-name", HeaderValue::from_str(&call.tool)?);
        Ok(prepared)
    }

    /// A message of the legacy era, in a session if there is one.
    pub(super) fn legacy(
        url: &Uri,
        host: &HeaderValue,
        token: Option<&HeaderValue>,
        session: Option<&HeaderValue>,
        body: Bytes,
    ) -> anyhow::Result<Self> {
        let mut prepared = Self::new(url, host, token, body)?;
        prepared.headers.insert(VERSION, HeaderValue::from_static(LEGACY));
        if let Some(session) = session {
            prepared.headers.insert(SESSION_ID, session.clone());
        }
        Ok(prepared)
    }

    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// The call's bodies, one for each era.
pub(super) struct Call {
    tool: String,
    modern: Bytes,
    pub(super) legacy: Bytes,
}

/// The id of every call: a connection has one call at a time.
pub(super) const ID: &str = "1";

impl Call {
    /// A call of `tool` with these arguments, which are JSON.
    pub(super) fn new(tool: &str, arguments: &serde_json::Value) -> Self {
        let message = |params: serde_json::Value| {
            serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
                .to_string()
                .into()
        };
        let meta = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": { "name": "partywall-bench", "version": env!("CARGO_PKG_VERSION") },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        Self {
            tool: tool.to_owned(),
            modern: message(serde_json::json!({ "name": tool, "arguments": arguments, "_meta": meta })),
            legacy: message(serde_json::json!({ "name": tool, "arguments": arguments })),
        }
    }
}
