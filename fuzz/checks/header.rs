//! Whatever stands in `Mcp-Name`: it says the body's name, plainly or in base64, or it is refused.

use http::{HeaderMap, HeaderValue};
use partywall_mcp::{Conflict, Envelope, METHOD, NAME, PROTOCOL_VERSION, check_modern};
use serde_json::json;

/// Reads a header's value, up to the first line end, and after it the name in the body.
pub(crate) fn check(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (value, name) = data.split_at(at);
    let Ok(name) = str::from_utf8(name.get(1..).unwrap_or_default()) else { return };
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let said = said(&value, name);
    assert_eq!(passes(&value, name), said, "{value:?} for {name:?}");
    if said {
        // One value says one name.
        for other in [format!("{name}a"), format!("a{name}"), format!("{name}\0"), name.to_uppercase()] {
            assert!(other == name || !passes(&value, &other), "{value:?} for {other:?} too");
        }
    }
    // Any name can be said.
    let encoded = format!("=?base64?{}?=", base64(name.as_bytes()));
    assert!(passes(&HeaderValue::from_str(&encoded).expect("visible ASCII"), name), "{encoded} for {name:?}");
}

/// What the gateway says.
fn passes(value: &HeaderValue, name: &str) -> bool {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let params = json!({"name": name, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    let envelope = Envelope::parse(body.as_bytes()).expect("a message");
    let mut headers = HeaderMap::new();
    headers.insert(PROTOCOL_VERSION, HeaderValue::from_static("2026-07-28"));
    headers.insert(METHOD, HeaderValue::from_static("tools/call"));
    headers.insert(NAME, value.clone());
    let checked = check_modern(&headers, &envelope);
    assert!(matches!(checked, Ok(()) | Err(Conflict::Header(NAME))), "{checked:?}");
    checked.is_ok()
}

/// The same by another way: what is wrapped must be how the name is written in base64, and there is one way to do so.
fn said(value: &HeaderValue, name: &str) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let text = text.trim_matches([' ', '\t']);
    let wrapped = text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    wrapped.map_or_else(|| text == name, |inner| inner == base64(name.as_bytes()))
}

/// Base64 as RFC 4648, section 4, has it.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| (bits << 8) | u32::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[usize::try_from((bits >> (18 - 6 * at)) & 63).expect("six bits")];
            text.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
