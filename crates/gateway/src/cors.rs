//! Cross-origin requests of clients that run in a browser (WHATWG Fetch, section 3.2), from the origins that the
//! settings allow. Others were refused before anybody gets here.
//!
//! No credentials of the browser's count here, only the token in the header, so an allowed origin gains nothing but
//! what its user's token may.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};

use crate::exchange::Exchange;
use crate::reply::ReplyBody;

/// What a client may send: what MCP needs, and the arguments that it mirrors into headers are named one by one.
const SENT: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, \
                    last-event-id, traceparent, tracestate";
/// What a client may read of an answer.
const READ: HeaderValue = HeaderValue::from_static(
    "www-authenticate, mcp-session-id, mcp-protocol-version, retry-after, ratelimit, ratelimit-policy, partywall-request-id",
);

/// Whether this asks what a request from another origin may do.
pub(crate) fn is_preflight(exchange: &Exchange) -> bool {
    exchange.method() == Method::OPTIONS
        && exchange.headers().contains_key(ORIGIN)
        && exchange.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(crate) fn preflight(exchange: &Exchange) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Full(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let asked = exchange.header("access-control-request-headers").unwrap_or_default();
    let mirrored = asked.split(',').map(str::trim).filter(|name| name.to_ascii_lowercase().starts_with("mcp-param-"));
    let all = std::iter::once(SENT).chain(mirrored).collect::<Vec<_>>().join(", ");
    headers.extend(HeaderValue::from_str(&all).ok().map(|all| (ACCESS_CONTROL_ALLOW_HEADERS, all)));
    response
}

/// Lets the page that asked read the answer.
pub(crate) fn allow(origin: Option<&HeaderValue>, response: &mut Response<ReplyBody>) {
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
}
