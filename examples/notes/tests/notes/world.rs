//! A stand-in for the gateway: signs assertions with a throwaway key, serves the key set on loopback, and carries
//! requests to a real notes server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client as HyperClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use notes::Settings;
use partywall_domain::assertion;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const ACME: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const GLOBEX: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

const ISSUER: &str = "https://mcp.example";
const SERVER: &str = "notes";

#[derive(Clone, Copy)]
pub(crate) enum Era {
    Modern,
    Legacy,
}

pub(crate) struct World {
    key: EncodingKey,
    url: String,
    data: tempfile::TempDir,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("k1".to_owned());
        let jwks = serve_keys(json!({"keys": [jwk]}).to_string()).await;

        let data = tempfile::tempdir().unwrap();
        let (listener, stop) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), CancellationToken::new());
        let url = format!("http://{}{}", listener.local_addr().unwrap(), notes::PATH);
        let (issuer, audience) = (ISSUER.to_owned(), SERVER.to_owned());
        let settings = Settings { issuer, audience, jwks, data: data.path().to_owned(), stop: stop.clone() };
        let served = tokio::spawn(notes::serve(listener, settings));
        Self { key, url, data, stop, served }
    }

    /// A client for this caller, with a session where the era has those.
    pub(crate) async fn enter(&self, tenant: &str, subject: &str, era: Era) -> Client {
        let mut client = self.client(&self.bearer(tenant, subject), era);
        if matches!(era, Era::Legacy) {
            client.initialize().await;
        }
        client
    }

    /// Another caller, who learnt this client's session id.
    pub(crate) fn with_session_of(&self, victim: &Client, tenant: &str, subject: &str) -> Client {
        Client { session: victim.session.clone(), ..self.client(&self.bearer(tenant, subject), Era::Legacy) }
    }

    pub(crate) fn client(&self, authorization: &str, era: Era) -> Client {
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        Client { http, url: self.url.clone(), authorization: authorization.to_owned(), era, session: None }
    }

    pub(crate) fn files(&self) -> usize {
        self.data.path().read_dir().unwrap().count()
    }

    /// Asks the server to stop, and fails if it does not within a moment.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_mins(1), self.served).await.unwrap().unwrap().unwrap();
    }

    fn bearer(&self, tenant: &str, subject: &str) -> String {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(assertion::TYPE.to_owned());
        header.kid = Some("k1".to_owned());
        let claims = json!({
            "iss": ISSUER, "aud": SERVER, "sub": subject, "iat": now_s, "exp": now_s + assertion::LIFETIME_S,
            "tenant_id": tenant, "tenant_name": "a-tenant", "client_id": "cli", "scope": "", "revision": 1,
        });
        format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &self.key).unwrap())
    }
}

async fn serve_keys(jwks: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{}", listener.local_addr().unwrap(), assertion::JWKS_PATH);
    let app = Router::new().route(assertion::JWKS_PATH, get(move || std::future::ready(jwks)));
    tokio::spawn(axum::serve(listener, app).into_future());
    url
}

pub(crate) struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    url: String,
    authorization: String,
    era: Era,
    session: Option<String>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON-RPC answer, plain or as the event of a stream that carries an id.
    fn message(&self) -> Value {
        if let Ok(message) = serde_json::from_str(&self.body) {
            return message;
        }
        let events = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
        let message =
            events.filter_map(|data| serde_json::from_str(data.trim()).ok()).find(|m: &Value| m.get("id").is_some());
        message.unwrap_or_else(|| panic!("{} {}", self.status, self.body))
    }
}

impl Client {
    /// Calls a tool and returns what it gives.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Value {
        let result = self.result("tools/call", json!({"name": name, "arguments": arguments})).await;
        assert_ne!(result["isError"], true, "{name}: {result}");
        result["structuredContent"].clone()
    }

    /// Calls a tool and returns the words with which it refuses.
    pub(crate) async fn refused(&self, name: &str, arguments: Value) -> String {
        let result = self.result("tools/call", json!({"name": name, "arguments": arguments})).await;
        assert_eq!(result["isError"], true, "{name}: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
    }

    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.post(&self.message(method, params)).await.message()
    }

    pub(crate) async fn post(&self, message: &Value) -> Answer {
        self.send(Method::POST, &mcp_headers(message), message.to_string()).await
    }

    /// A request of this client's era.
    pub(crate) fn message(&self, method: &str, mut params: Value) -> Value {
        if matches!(self.era, Era::Modern) {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    }

    pub(crate) async fn send(&self, method: Method, headers: &[(&str, &str)], body: String) -> Answer {
        let version = if matches!(self.era, Era::Modern) { "2026-07-28" } else { "2025-11-25" };
        let mut request = Request::builder()
            .method(method)
            .uri(&self.url)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", version);
        for (name, value) in headers.iter().copied().chain(self.session.as_deref().map(|id| ("mcp-session-id", id))) {
            request = request.header(name, value);
        }
        let response = self.http.request(request.body(Full::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn initialize(&mut self) {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let opened = self.post(&self.message("initialize", params)).await;
        assert_eq!(opened.message()["result"]["serverInfo"]["name"], "notes");
        self.session = Some(opened.header("mcp-session-id").to_owned());
        let done = self.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assert_eq!(done.status, StatusCode::ACCEPTED);
    }
}

/// `Mcp-Method` and `Mcp-Name`, as a modern client sends them; a legacy server ignores them.
fn mcp_headers(message: &Value) -> Vec<(&'static str, &str)> {
    let name = message["params"]["name"].as_str().or(message["params"]["uri"].as_str());
    let method = [("mcp-method", message["method"].as_str().unwrap())];
    method.into_iter().chain(name.map(|name| ("mcp-name", name))).collect()
}
