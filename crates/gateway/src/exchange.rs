//! One HTTP exchange: what is known of it before anybody looks at the body.

use std::net::IpAddr;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderMap, Method};
use partywall_domain::{RefusalCode, RequestId, TraceId, TraceParent};
use partywall_ledger::{Ids, Ledger};

use crate::refusal::Refusal;

/// Bytes of a caller's text that log and journal keep.
pub(crate) const SHOWN_BYTES_MAX: usize = 256;

/// Whether a byte may stand in a bearer token (RFC 6750, section 2.1). A table, since every call's token is walked.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        plain[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
        byte += 1;
    }
    plain
};

pub(crate) struct Exchange {
    /// Where the request came from.
    pub(crate) peer: IpAddr,
    pub(crate) ids: Ids,
    pub(crate) since: Instant,
    pub(crate) parts: Parts,
}

impl Exchange {
    pub(crate) fn new(parts: Parts, peer: IpAddr, ledger: &Ledger) -> Self {
        Self { peer, ids: ids(parent(&parts.headers), ledger), since: Instant::now(), parts }
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(crate) fn method(&self) -> &Method {
        &self.parts.method
    }

    /// A header's value if it stands once and is visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.parts.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The bearer token (RFC 6750, section 2.1): from the `Authorization` header and nowhere else.
    pub(crate) fn bearer(&self) -> Result<&str, Refusal> {
        if self.parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("access_token="))) {
            return Err(Refusal::new(RefusalCode::MalformedAuthorization, "a token in the query"));
        }
        let mut values = self.parts.headers.get_all(http::header::AUTHORIZATION).iter();
        let value = values.next().ok_or_else(|| Refusal::new(RefusalCode::NoToken, "no Authorization header"))?;
        if values.next().is_some() {
            return Err(Refusal::new(RefusalCode::MalformedAuthorization, "two Authorization headers"));
        }
        let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::new(RefusalCode::NoToken, "the Authorization header is not a bearer token"));
        }
        if token.is_empty() || !token.bytes().all(|byte| PLAIN[usize::from(byte)]) {
            return Err(Refusal::new(RefusalCode::InvalidToken, "the bearer token has characters that no token has"));
        }
        Ok(token)
    }

    /// Method and path, for the books: cut short, and without the query, where tokens may stand.
    pub(crate) fn target(&self) -> String {
        format!("{} {}", self.parts.method, shown(self.parts.uri.path()))
    }
}

/// The trace that the client began (W3C Trace Context); of several, or of one that is not well formed, none.
fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { TraceParent::read(value) }
}

/// A trace that the client began goes on, and so does what it says of recording it. Whether this node keeps its own span
/// is not the client's to say.
fn ids(parent: Option<TraceParent>, ledger: &Ledger) -> Ids {
    let request = RequestId::now();
    let kept = ledger.keeps_span(request);
    Ids {
        request,
        trace: parent.map_or_else(TraceId::random, |parent| parent.trace),
        parent: parent.map(|parent| parent.span),
        // Where nobody decided, the upstream decides for itself: many record nothing of a trace that says not to.
        sampled: parent.map(|parent| parent.sampled).or(kept).unwrap_or(true),
        kept: kept.unwrap_or(false),
    }
}

/// A caller's text, cut to a sane length.
pub(crate) fn shown(text: &str) -> &str {
    let mut end = text.len().min(SHOWN_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
