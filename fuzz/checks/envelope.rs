//! Whatever a client sends: what the gateway decides by is what any JSON reader finds there.

use http::{HeaderMap, HeaderValue};
use partywall_mcp::{Envelope, METHOD, Message, NAME, PROTOCOL_VERSION, check_modern};
use serde_json::Value;

/// Reads a message.
pub(crate) fn check(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else { return };
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok(), "a message that is no JSON");
    let _ = (envelope.has_capabilities(), envelope.listens_to().count(), envelope.referred_resource());
    let _ = check_modern(&headers(&envelope), &envelope);
    let _ = check_modern(&HeaderMap::new(), &envelope);
    // Numbers beyond what this reader has are no error of the message's.
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(value["jsonrpc"], "2.0");
    let method = match &envelope.message {
        Message::Request { name, .. } | Message::Notification { name } => Some(&**name),
        Message::Response => None,
    };
    assert_eq!(value["method"].as_str(), method);
    assert_eq!(envelope.id().is_some(), method.is_some() && value.get("id").is_some());
    let params = &value["params"];
    assert_eq!(params["uri"].as_str(), envelope.uri());
    assert_eq!(params["ref"]["name"].as_str(), envelope.referred_prompt());
    if let Some(name) = envelope.name() {
        assert!([&params["name"], &params["uri"]].iter().any(|found| *found == name), "{name}");
    }
    assert_eq!(params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str(), envelope.version());
    tenants(params, &envelope);
}

/// Whatever names a tenant is found, so that it can be refused.
fn tenants(params: &Value, envelope: &Envelope<'_>) {
    const NAME: &str = "tenant_id";
    let found = envelope.tenants(&[NAME.to_owned()]);
    let found: Vec<_> = found.iter().map(Option::as_deref).collect();
    let named = [params["_meta"].get("partywall/tenant"), params["arguments"].get(NAME)];
    for value in named.into_iter().flatten() {
        // One that stands twice is found as well, and is no text.
        assert!(found.contains(&value.as_str()) || found.contains(&None), "{value}");
    }
    let named = params["arguments"].as_object().is_some_and(|all| all.keys().any(|name| name.to_lowercase() == NAME));
    assert_eq!(found.len(), usize::from(named) + usize::from(params["_meta"].get("partywall/tenant").is_some()));
}

/// The headers with which this message would pass.
fn headers(envelope: &Envelope<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let method = match &envelope.message {
        Message::Request { name, .. } | Message::Notification { name } => &**name,
        Message::Response => "",
    };
    for (name, value) in [(PROTOCOL_VERSION, envelope.version()), (METHOD, Some(method)), (NAME, envelope.name())] {
        headers.extend(
            value
                .and_then(|value| HeaderValue::from_str(value).ok())
                .map(|value| (http::HeaderName::from_bytes(name.as_bytes()).expect("a header's name"), value)),
        );
    }
    headers
}
