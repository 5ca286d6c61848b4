//! Messages that are not as the protocol wants them, in both eras.

use http::Method;
use serde_json::{Value, json};

use super::{Row, Stage};
use crate::http::{Ask, LEGACY, MODERN};

fn message(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn meta(version: &str) -> Value {
    json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn routing_headers_must_say_what_the_body_says() {
    let stage = Stage::set().await;
    let call = || stage.call(&stage.ann);
    for (header, other) in [
        ("mcp-protocol-version", LEGACY),
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-name", "sleep"),
        ("mcp-name", "=?base64?c2xlZXA=?="),
        ("mcp-name", "=?base64?ZWNobw=?="),
        ("mcp-name", "=?BASE64?ZWNobw==?="),
    ] {
        let value = match header {
            "mcp-protocol-version" => MODERN,
            "mcp-method" => "tools/call",
            _ => "echo",
        };
        let different = call().without(header).header(header, other);
        stage.check(Row::new(&format!("{header} is {other}"), different, 400, -32_020)).await;
        stage.check(Row::new(&format!("no {header}"), call().without(header), 400, -32_020)).await;
        stage.check(Row::new(&format!("{header} twice"), call().header(header, value), 400, -32_020)).await;
    }
    for name in ["=?base64?ZWNobw==?=", " echo\t"] {
        let call = call().without("mcp-name").header("mcp-name", name);
        assert_eq!(call.send().await.status, 200, "{name:?}");
    }
    // The version says by which rules a message is read, also in the era before.
    let old = Ask::post(&stage.url, &stage.ann, &message("tools/call", &json!({"name": "echo"})));
    let twice = old.header("mcp-protocol-version", LEGACY).header("mcp-protocol-version", MODERN);
    stage.check(Row::new("two versions", twice, 400, -32_020)).await;
    // Prompts and resources are named too.
    for (method, params) in [
        ("prompts/get", json!({"name": "test_simple_prompt"})),
        ("resources/read", json!({"uri": "test://static-text"})),
    ] {
        let ask = Ask::modern(&stage.url, &stage.ann, method, params);
        stage.check(Row::new(method, ask.clone().without("mcp-name"), 400, -32_020)).await;
        assert_eq!(ask.send().await.status, 200, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn versions_that_are_not_served() {
    let stage = Stage::set().await;
    for version in ["2099-01-01", "1999-01-01", "draft"] {
        let ask = Ask::post(&stage.url, &stage.ann, &message("tools/list", &meta(version)))
            .header("mcp-protocol-version", version)
            .header("mcp-method", "tools/list");
        let answer = stage.check(Row::new(version, ask, 400, -32_022)).await;
        let data = &answer.json()["error"]["data"];
        assert_eq!((&data["supported"], &data["requested"]), (&json!([MODERN]), &json!(version)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_modern_message_says_what_its_client_is() {
    let stage = Stage::set().await;
    let mut bare = meta(MODERN);
    bare["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientCapabilities");
    for (what, params) in [("no _meta", json!({})), ("no version", json!({"_meta": {}})), ("no capabilities", bare)] {
        let ask = Ask::post(&stage.url, &stage.ann, &message("tools/list", &params))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", "tools/list");
        stage.check(Row::new(what, ask, 400, -32_602)).await;
    }
    // What a tool needs of its client, the server says.
    let needy =
        Ask::modern(&stage.url, &stage.ann, "tools/call", json!({"name": "test_missing_capability", "arguments": {}}));
    let answer = needy.send().await;
    assert_eq!((answer.status.as_u16(), answer.code(), &answer.json()["id"]), (400, Some(-32_021), &json!(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn methods_that_are_not_served() {
    let stage = Stage::set().await;
    for method in [
        "no/such",
        "initialize2",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "",
    ] {
        let ask = Ask::modern(&stage.url, &stage.ann, method, json!({"uri": "test://static-text", "level": "info"}));
        stage.check(Row::new(method, ask, 404, -32_601)).await;
    }
    for method in ["no/such", "server/discover", "subscriptions/listen", "tasks/get"] {
        let ask =
            Ask::post(&stage.url, &stage.ann, &message(method, &json!({}))).header("mcp-protocol-version", LEGACY);
        stage.check(Row::new(method, ask, 200, -32_601)).await;
    }
    let body = message("tools/call", &json!({"name": "echo"}));
    for (method, status, allow) in [
        (Method::GET, 405, "POST"),
        (Method::DELETE, 405, "POST"),
        (Method::PUT, 405, "POST, GET, DELETE"),
        (Method::PATCH, 405, "POST, GET, DELETE"),
        (Method::OPTIONS, 405, "POST, GET, DELETE"),
    ] {
        let what = method.to_string();
        let ask = Ask::post(&stage.url, &stage.ann, &body).method(method).header("mcp-protocol-version", MODERN);
        let answer = stage.check(Row::new(&what, ask, status, 40_500).no_id()).await;
        assert_eq!(answer.header("allow"), Some(allow), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bodies_and_their_types() {
    let stage = Stage::set().await;
    let call = || stage.call(&stage.ann);
    let accept = |value: &str| call().without("accept").header("accept", value);
    let kind = |value: &str| call().without("content-type").header("content-type", value);
    for row in [
        Row::new("accepts JSON alone", accept("application/json"), 406, 40_600),
        Row::new("accepts events alone", accept("text/event-stream"), 406, 40_600),
        Row::new("accepts pages", accept("text/html"), 406, 40_600),
        Row::new("accepts nothing", call().without("accept"), 406, 40_600),
        Row::new("is text", kind("text/plain"), 415, 41_500).no_id(),
        Row::new("is a form", kind("application/x-www-form-urlencoded"), 415, 41_500).no_id(),
        Row::new("is nothing", call().without("content-type"), 415, 41_500).no_id(),
        Row::new("is two things", call().header("content-type", "application/json"), 415, 41_500).no_id(),
        Row::new("is too long", call().body(vec![b' '; 4097]), 413, 41_300).no_id(),
    ] {
        stage.check(row).await;
    }
    for ask in [
        accept("*/*"),
        accept("application/json;q=0.9, text/event-stream;q=0.8"),
        accept("application/json").header("accept", "text/event-stream"),
        kind("application/json; charset=utf-8"),
        kind("Application/JSON"),
    ] {
        assert_eq!(ask.send().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bodies_that_are_not_one_message() {
    let stage = Stage::set().await;
    let one = message("ping", &json!({})).to_string();
    let cut = &one[..one.len() - 1];
    for (what, body, code) in [
        ("nothing", "", -32_700),
        ("half a message", cut, -32_700),
        ("not JSON", "{'jsonrpc': '2.0'}", -32_700),
        ("two messages in a row", &format!("{one}{one}"), -32_700),
        ("a byte order mark", &format!("\u{feff}{one}"), -32_700),
        ("a batch", &format!("[{one}]"), -32_600),
        ("an empty batch", "[]", -32_600),
        ("a number", "1", -32_600),
        ("another protocol", &one.replace("2.0", "1.0"), -32_600),
        ("no method", r#"{"jsonrpc":"2.0","id":1}"#, -32_600),
        ("an id that is none", &one.replace("\"id\":1", "\"id\":null"), -32_600),
        ("two methods", r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#, -32_600),
        ("two methods, one escaped", r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#, -32_600),
        (
            "two names",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"verbatim"}}"#,
            -32_600,
        ),
        (
            "two names, one in capitals",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"verbatim"}}"#,
            -32_600,
        ),
        ("two ids", r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32_600),
    ] {
        let ask = Ask::post(&stage.url, &stage.ann, &json!({})).body(body);
        stage.check(Row::new(what, ask, 400, code).no_id()).await;
    }
    assert_eq!(stage.reached(), 0);
}
