//! Where the assertion stands in a request, and what its header says, before anything is verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use partywall_domain::assertion;
use serde::Deserialize;

use super::NotVerified;

/// Where the assertion travels when `Authorization` carries a credential that the server itself asks for.
const ASSERTION: HeaderName = HeaderName::from_static("partywall-assertion");

/// Bytes of the longest assertion: an ordinary one has 700, and scopes may add some thousand.
const ASSERTION_BYTES_MAX: usize = 8 << 10;

/// Bytes of the longest key id: ours have 43 at most.
const KEY_ID_BYTES_MAX: usize = 128;

/// The assertion in the headers. Beside a `Partywall-Assertion`, an `Authorization` is the server's own business.
pub(super) fn of(headers: &HeaderMap) -> Result<&str, NotVerified> {
    let token = match only(headers, &ASSERTION)? {
        Some(value) => value,
        None => bearer(only(headers, &AUTHORIZATION)?.ok_or(NotVerified::Missing)?)?,
    };
    if token.len() <= ASSERTION_BYTES_MAX { Ok(token) } else { Err(NotVerified::Malformed) }
}

/// Takes the assertion out of a verified request, so that no handler can log it or send it on.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if headers.remove(ASSERTION).is_none() {
        headers.remove(AUTHORIZATION);
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, NotVerified> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text(value).map(Some),
        (Some(_), Some(_)) => Err(NotVerified::Several),
    }
}

fn text(value: &HeaderValue) -> Result<&str, NotVerified> {
    value.to_str().map_err(|_| NotVerified::Malformed)
}

/// The token of `Bearer <token>`; the scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(credentials: &str) -> Result<&str, NotVerified> {
    let (scheme, token) = credentials.split_once(' ').ok_or(NotVerified::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start_matches(' ')) } else { Err(NotVerified::Missing) }
}

/// The three members that the gateway writes. A fourth (`crit`, `jwk`, `jku`, `zip`, …) is none of its tokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// The id of the key that the token claims to be signed with, if its header is an assertion's.
pub(super) fn key_id(token: &str) -> Result<String, NotVerified> {
    let mut segments = token.split('.');
    let header = segments.next().ok_or(NotVerified::Malformed)?;
    if segments.count() != 2 {
        return Err(NotVerified::Malformed);
    }
    let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| NotVerified::Malformed)?;
    let header: Header = serde_json::from_slice(&json).map_err(|_| NotVerified::NotAnAssertion)?;
    let ours = header.alg == assertion::ALGORITHM && header.typ == assertion::TYPE;
    let bounded = (1..=KEY_ID_BYTES_MAX).contains(&header.kid.len());
    if ours && bounded { Ok(header.kid) } else { Err(NotVerified::NotAnAssertion) }
}
