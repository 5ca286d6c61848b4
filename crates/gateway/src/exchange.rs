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
        if let Some(token) = well_formed(value.as_bytes()) {
            return Ok(token);
        }
        let (scheme, _) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::new(RefusalCode::NoToken, "the Authorization header is not a bearer token"));
        }
        Err(Refusal::new(RefusalCode::InvalidToken, "the bearer token has characters that no token has"))
    }

    /// Method and path, for the books: cut short, and without the query, where tokens may stand.
    pub(crate) fn target(&self) -> String {
        format!("{} {}", self.parts.method, shown(self.parts.uri.path()))
    }
}

/// The token of a header that is well formed (RFC 6750, section 2.1).
fn well_formed(header: &[u8]) -> Option<&str> {
    let (scheme, token) = header.split_at_checked("bearer ".len())?;
    let plain = !token.is_empty() && all_plain(token);
    if plain && scheme.eq_ignore_ascii_case(b"bearer ") { std::str::from_utf8(token).ok() } else { None }
}

/// Whether all these bytes may stand in a bearer token. Every call's token is walked, so it does not stop at the first that
/// may not: without a branch many are looked at at a time.
fn all_plain(token: &[u8]) -> bool {
    token.iter().fold(true, |plain, byte| plain & is_plain(*byte))
}

fn is_plain(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // Those from `-` on are `-`, `.`, `/` and the digits.
    letter || byte.wrapping_sub(b'-') < 13 || byte == b'_' || byte == b'~' || byte == b'+' || byte == b'='
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_characters_of_its_grammar_and_no_others() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            assert_eq!((is_plain(byte), all_plain(&[b'a', byte, b'a'])), (allowed, allowed), "{byte}");
        }
    }

    #[test]
    fn a_header_is_a_scheme_a_space_and_a_token() {
        for header in ["Bearer a.b", "bearer a.b", "BEARER a.b"] {
            assert_eq!(well_formed(header.as_bytes()), Some("a.b"), "{header}");
        }
        for header in ["", "Bearer", "Bearer ", "Bearer  a", "Bearer a b", "Bearera", "Basic a.b", "Bearer a\u{e4}"] {
            assert_eq!(well_formed(header.as_bytes()), None, "{header}");
        }
    }
}
