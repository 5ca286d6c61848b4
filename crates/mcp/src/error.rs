//! JSON-RPC answers that the gateway gives itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

const HEADER_MISMATCH: i64 = -32_020;
const MISSING_CAPABILITY: i64 = -32_021;
const UNSUPPORTED_VERSION: i64 = -32_022;
const METHOD_NOT_FOUND: i64 = -32_601;

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

/// The HTTP status of a modern answer that comes from a server without HTTP: clients decide by some errors' statuses
/// (2026-07-28, Streamable HTTP). 200 for all that is no such error.
pub fn modern_status(answer: &[u8]) -> u16 {
    #[derive(Deserialize)]
    struct Failed {
        error: Code,
    }
    #[derive(Deserialize)]
    struct Code {
        code: i64,
    }
    match serde_json::from_slice(answer).map(|Failed { error }| error.code) {
        Ok(HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION) => 400,
        Ok(METHOD_NOT_FOUND) => 404,
        _ => 200,
    }
}

#[cfg(test)]
mod tests {
    use super::modern_status;

    #[test]
    fn errors_that_clients_decide_by_have_a_status() {
        for (answer, status) in [
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"m","data":{}}}"#, 400),
            (r#"{"error":{"message":"m","code":-32020},"id":1}"#, 400),
            (r#"{"error":{"code":-32022}}"#, 400),
            (r#"{"error":{"code":-32601}}"#, 404),
            (r#"{"error":{"code":-32602}}"#, 200),
            (r#"{"error":{}}"#, 200),
            (r#"{"result":{"error":{"code":-32601}}}"#, 200),
            ("x", 200),
        ] {
            assert_eq!(modern_status(answer.as_bytes()), status, "{answer}");
        }
    }
}
