//! The leanest MCP server: one tool, `echo`, answered without a library between. Measurements stand on it, so that what
//! they show is the gateway and not what is behind it.
//!
//! It reads a message's id and method and nothing else; every call gets the same result. Tests of behaviour use the
//! fixture.

use std::convert::Infallible;
use std::io;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

const CALLED: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"hello"}],"isError":false}"#;
const DISCOVERED: &str = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"},"ttlMs":60000,"cacheScope":"public"}"#;
const INITIALIZED: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}"#;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
}

/// Serves on `listener` until the future is dropped.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(empty(StatusCode::BAD_REQUEST)),
    };
    let Ok(Message { id, method }) = serde_json::from_slice(&body) else { return Ok(empty(StatusCode::BAD_REQUEST)) };
    let Some(id) = id else { return Ok(empty(StatusCode::ACCEPTED)) };
    let result = match method {
        "server/discover" => DISCOVERED,
        "initialize" => INITIALIZED,
        _ => CALLED,
    };
    let mut response = Response::new(Full::from(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.get())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
