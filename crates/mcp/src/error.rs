//! JSON-RPC answers that the gateway gives itself.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject<'a>>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i64,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// An error answer (JSON-RPC 2.0, section 5.1). Without an id where the request's is not known.
pub fn error_body(id: Option<&RawValue>, code: i64, message: &str, data: Option<&Value>) -> String {
    let error = Some(ErrorObject { code, message, data });
    serde_json::to_string(&Answer { jsonrpc: "2.0", id, result: None, error }).unwrap_or_default()
}

/// A result answer around a result that is ready.
pub fn result_body(id: &RawValue, result: &RawValue) -> String {
    serde_json::to_string(&Answer { jsonrpc: "2.0", id: Some(id), result: Some(result), error: None })
        .unwrap_or_default()
}
