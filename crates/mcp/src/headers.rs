//! The routing headers of 2026-07-28, held against the body (transports, "Streamable HTTP"; SEP-2243).
//!
//! The body is the truth. A header that disagrees would let a proxy before us and the server behind us see two
//! different calls, so it is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::envelope::{Envelope, Message};
use crate::method::Method;
use crate::version::MODERN_VERSIONS;

/// The protocol version.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The session of the handshake versions.
pub const SESSION_ID: &str = "mcp-session-id";
/// The JSON-RPC method.
pub const METHOD: &str = "mcp-method";
/// The tool, prompt or resource.
pub const NAME: &str = "mcp-name";
/// What begins the headers that mirror arguments; the server checks them.
pub const PARAM_PREFIX: &str = "mcp-param-";
/// Where a broken stream goes on (handshake versions).
pub const LAST_EVENT_ID: &str = "last-event-id";

/// What is wrong between headers and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A header is missing, stands twice, cannot be read or says another thing than the body.
    Header(&'static str),
    /// The version is not one we know.
    Version(String),
    /// `_meta` lacks this member.
    Meta(&'static str),
}

/// Checks a modern message's headers against its body.
pub fn check_modern(headers: &HeaderMap, envelope: &Envelope<'_>) -> Result<(), Conflict> {
    let version = single(headers, PROTOCOL_VERSION)?.ok_or(Conflict::Header(PROTOCOL_VERSION))?;
    if let Message::Request { name, .. } = &envelope.message {
        let in_body = envelope.version().ok_or(Conflict::Meta("io.modelcontextprotocol/protocolVersion"))?;
        if in_body != version {
            return Err(Conflict::Header(PROTOCOL_VERSION));
        }
        check_version(in_body)?;
        if !envelope.has_capabilities() {
            return Err(Conflict::Meta("io.modelcontextprotocol/clientCapabilities"));
        }
        equal(headers, METHOD, name)?;
    } else {
        check_version(version)?;
    }
    check_name(headers, envelope)
}

fn check_version(version: &str) -> Result<(), Conflict> {
    if MODERN_VERSIONS.contains(&version) { Ok(()) } else { Err(Conflict::Version(version.chars().take(64).collect())) }
}

fn check_name(headers: &HeaderMap, envelope: &Envelope<'_>) -> Result<(), Conflict> {
    let named = matches!(envelope.method(), Some(Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead));
    match (named, envelope.name()) {
        (true, Some(name)) => equal(headers, NAME, name),
        _ => Ok(()),
    }
}

fn equal(headers: &HeaderMap, header: &'static str, body: &str) -> Result<(), Conflict> {
    let value = single(headers, header)?.ok_or(Conflict::Header(header))?;
    let same = match encoded(value) {
        Some(base64) => STANDARD.decode(base64).is_ok_and(|bytes| bytes == body.as_bytes()),
        None => value == body,
    };
    if same { Ok(()) } else { Err(Conflict::Header(header)) }
}

/// The base64 within `=?base64?…?=`, by which a header carries what is not plain ASCII.
fn encoded(value: &str) -> Option<&str> {
    value.strip_prefix("=?base64?")?.strip_suffix("?=")
}

/// A header's one value; standing twice is a conflict.
fn single<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<Option<&'a str>, Conflict> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Conflict::Header(header));
    }
    value.to_str().map(|text| Some(text.trim_matches([' ', '\t']))).map_err(|_| Conflict::Header(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn check(body: &str, headers: &[(&'static str, &str)]) -> Result<(), Conflict> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        check_modern(&map, &Envelope::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn headers_and_body_must_agree() {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"ä",{META}}}}}"#);
        let version = (PROTOCOL_VERSION, "2026-07-28");
        let method = (METHOD, "tools/call");
        let name = (NAME, "=?base64?w6Q=?=");
        assert_eq!(check(&call, &[version, method, name]), Ok(()));
        for (headers, conflict) in [
            (&[version, method][..], NAME),
            (&[version, name], METHOD),
            (&[method, name], PROTOCOL_VERSION),
            (&[version, method, (NAME, "a")], NAME),
            (&[version, method, (NAME, "=?BASE64?w6Q=?=")], NAME),
            (&[version, method, name, name], NAME),
            (&[version, (METHOD, "tools/list"), name], METHOD),
            (&[version, (METHOD, "Tools/Call"), name], METHOD),
            (&[(PROTOCOL_VERSION, "2025-11-25"), method, name], PROTOCOL_VERSION),
        ] {
            assert_eq!(check(&call, headers), Err(Conflict::Header(conflict)), "{headers:?}");
        }
    }

    #[test]
    fn versions_and_meta_are_required() {
        let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"1999-01-01"}}}"#;
        let headers = [(PROTOCOL_VERSION, "1999-01-01"), (METHOD, "tools/list")];
        assert_eq!(check(unknown, &headers), Err(Conflict::Version("1999-01-01".into())));
        let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let headers = [(PROTOCOL_VERSION, "2026-07-28"), (METHOD, "tools/list")];
        assert!(matches!(check(bare, &headers), Err(Conflict::Meta(_))));
    }
}
