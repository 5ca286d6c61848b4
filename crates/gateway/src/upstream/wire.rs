//! What of a request's head reaches the upstream, and what of an answer's head reaches the client: lists of what may.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request as HttpRequest, Response, header};
use http_body_util::Full;
use partywall_domain::TraceParent;
use partywall_ledger::Ids;
use partywall_mcp::{Era, LAST_EVENT_ID, METHOD, NAME, PARAM_PREFIX, PROTOCOL_VERSION, SESSION_ID};

use super::credential::Credential;
use super::{REQUEST_ID, Target};
use crate::assertion;
use crate::pool::Body;
use crate::reply::ReplyBody;
use crate::request::Request;

/// Request headers that pass as they are. `Authorization`, cookies and anything of ours never do.
const PASSED_ON: [&str; 7] =
    ["accept-language", "content-type", "user-agent", "tracestate", "baggage", PROTOCOL_VERSION, LAST_EVENT_ID];
/// Answer headers that pass as they are. Cookies, caching rules, challenges and the upstream's own session id never do.
const PASSED_BACK: [&str; 4] = ["content-type", "allow", "retry-after", PROTOCOL_VERSION];

/// Headers that a request to an upstream commonly has, with room: a map that grows is built anew.
const HEADERS_USUAL: usize = 12;

/// The request to the upstream: the client's bytes, our assertion, and the tenant's credential where there is one.
pub(super) fn outbound(
    request: &Request<'_>,
    target: &Target,
    assertion: HeaderValue,
    credential: Option<Credential>,
) -> Result<HttpRequest<Body>, http::Error> {
    let mut outbound =
        HttpRequest::builder().method(request.exchange.method()).body(Full::new(request.body.clone()))?;
    let headers = outbound.headers_mut();
    headers.reserve(HEADERS_USUAL);
    for (name, value) in request.exchange.headers() {
        // A state is that of the trace before it; without that trace it says nothing (W3C Trace Context, section 3.3).
        let stray = name == "tracestate" && request.exchange.ids.parent.is_none();
        if !stray && (PASSED_ON.contains(&name.as_str()) || routes(request.era, name.as_str())) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(header::ACCEPT, accept(request));
    if let Some(session) = &target.session {
        headers.insert(SESSION_ID, HeaderValue::from_str(&session.id)?);
    }
    let (name, assertion) = assertion::placed(assertion, credential.as_ref().map(|(name, _)| name))?;
    headers.insert(name, assertion);
    headers.extend(credential);
    headers.insert("traceparent", traceparent(request)?);
    Ok(outbound)
}

/// Whether a header repeats what the body says. Only where it was held against the body does it pass: the handshake
/// versions have no such headers, and a server that routes by them would be told what nobody checked.
fn routes(era: Era, name: &str) -> bool {
    era == Era::Modern && (name == METHOD || name == NAME || name.starts_with(PARAM_PREFIX))
}

/// What the client accepts, as it was found at the door, in the one spelling that every server reads.
fn accept(request: &Request<'_>) -> HeaderValue {
    HeaderValue::from_static(match request.envelope {
        Some(_) => "application/json, text/event-stream",
        None => "text/event-stream",
    })
}

/// The trace goes on (W3C Trace Context, section 3.2), with this exchange as the parent span.
fn traceparent(request: &Request<'_>) -> Result<HeaderValue, http::Error> {
    let Ids { request, trace, sampled, .. } = request.exchange.ids;
    Ok(HeaderValue::try_from(TraceParent { trace, span: request.span(), sampled }.header())?)
}

/// The upstream's headers that pass.
pub(super) fn copy_back(from: &HeaderMap, to: &mut HeaderMap) {
    for name in PASSED_BACK {
        if let Some(value) = from.get(name) {
            to.insert(HeaderName::from_static(name), value.clone());
        }
    }
}

/// What every answer has.
pub(super) fn finish(response: &mut Response<ReplyBody>, request: &Request<'_>, mime: &'static str) {
    let headers = response.headers_mut();
    if !mime.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    }
    let streams =
        headers.get(header::CONTENT_TYPE).is_some_and(|mime| mime.as_bytes().starts_with(b"text/event-stream"));
    if streams {
        // Proxies before us must not hold events back.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
    if let Ok(id) = HeaderValue::try_from(request.exchange.ids.request.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The last event of a stream that ends because the node drains: for `subscriptions/listen` the result that ends it
/// gracefully (2026-07-28, subscriptions); a legacy stream just ends, and its client comes back.
pub(super) fn goodbye(request: &Request<'_>) -> Bytes {
    match (request.era, request.id()) {
        (Era::Modern, Some(id)) => {
            let id = id.get();
            let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
            Bytes::from(format!(
                "data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"complete\",{meta}}}}}\n\n"
            ))
        }
        _ => Bytes::new(),
    }
}
