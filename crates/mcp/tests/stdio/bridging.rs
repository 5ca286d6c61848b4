//! Clients of one era at servers of the other.

use partywall_mcp::stdio::Client;
use serde_json::{Value, json};

use crate::scene::{ALL, Scene, tool};

#[test]
fn a_legacy_server_does_not_see_what_only_modern_requests_have() {
    let mut scene = Scene::legacy(ALL);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","own/key":1,"io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p","io.modelcontextprotocol/logLevel":"info"}}}"#;
    scene.sends("ann", None, body).unwrap();
    let id = scene.last()["id"].clone();
    let sent = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","_meta":{{"own/key":1,"progressToken":{id}}}}}}}"#
    );
    assert_eq!(scene.written.last(), Some(&sent));
}

#[test]
fn a_modern_client_gets_what_modern_answers_have() {
    let rows: [(&str, Value, Value); 6] = [
        (
            "tools/list",
            json!({"tools": []}),
            json!({"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}),
        ),
        ("resources/read", json!({}), json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private"})),
        ("prompts/list", json!({"ttlMs": 5}), json!({"ttlMs": 5, "resultType": "complete", "cacheScope": "private"})),
        ("tools/call", json!({"content": []}), json!({"content": [], "resultType": "complete"})),
        ("completion/complete", json!({"x": 1}), json!({"x": 1, "resultType": "complete"})),
        ("prompts/get", json!({"resultType": "odd"}), json!({"resultType": "odd"})),
    ];
    for (method, result, expected) in rows {
        let mut scene = Scene::legacy(ALL);
        let call = scene.modern_call("ann", &json!({"id": 1, "method": method}));
        let id = scene.request(method)["id"].clone();
        scene.answers(&id, &result);
        assert_eq!(scene.last_heard(call)["result"], expected, "{method}");
    }
}

#[test]
fn an_unknown_resource_has_the_code_of_the_clients_era() {
    for (modern, code, expected) in [(true, -32_002, -32_602), (false, -32_002, -32_002), (true, -32_603, -32_603)] {
        let mut scene = Scene::legacy(ALL);
        let body = json!({"id": 1, "method": "resources/read", "params": {"uri": "x:y"}});
        let call = if modern { scene.modern_call("ann", &body) } else { scene.legacy_call("ann", &body) };
        let id = scene.last()["id"].clone();
        scene.fails(&id, code);
        assert_eq!(scene.last_heard(call)["error"]["code"], expected, "{modern} {code}");
    }
}

#[test]
fn a_modern_server_is_told_what_a_legacy_client_said_when_it_began() {
    let mut scene = Scene::modern();
    for body in [
        json!({"id": 1, "method": "tools/list"}),
        json!({"id": 1, "method": "tools/list", "params": {}}),
        json!({"id": 1, "method": "tools/list", "params": {"cursor": "c"}}),
        json!({"id": 1, "method": "tools/list", "params": {"_meta": {}}}),
        json!({"id": 1, "method": "tools/list", "params": {"_meta": {"a": 1}, "cursor": "c"}}),
        json!({"id": 1, "method": "tools/list", "params": {"_meta": {"io.modelcontextprotocol/clientCapabilities": {"lie": {}}}}}),
    ] {
        let call = scene.legacy_call("ann", &body);
        let sent = scene.request("tools/list");
        let meta = &sent["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28", "{body}");
        assert_eq!(
            meta["io.modelcontextprotocol/clientCapabilities"],
            json!({"sampling": {}, "elicitation": {}, "roots": {}}),
            "{body}"
        );
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "c", "{body}");
        assert_eq!(sent["params"]["cursor"], body["params"]["cursor"], "{body}");
        assert_eq!(meta["a"], body["params"]["_meta"]["a"], "{body}");
        scene.answers(&sent["id"], &json!({"tools": [], "resultType": "complete"}));
        assert_eq!(scene.last_heard(call)["id"], 1);
    }
}

fn incomplete() -> Value {
    json!({
        "resultType": "input_required", "requestState": "s\u{e9}aled",
        "inputRequests": {
            "user \"name\"": {"method": "elicitation/create", "params": {"message": "?"}},
            "model": {"method": "sampling/createMessage", "params": {"maxTokens": 1}},
        },
    })
}

#[test]
fn an_incomplete_answer_becomes_requests_to_a_legacy_client_and_the_call_comes_again() {
    let mut scene = Scene::modern();
    let call = scene.legacy_call("ann", &tool("mine"));
    let first = scene.last();
    scene.answers(&first["id"], &incomplete());
    let asked = scene.heard(call);
    let mut methods: Vec<_> = asked.iter().map(|asked| asked["method"].as_str().unwrap()).collect();
    methods.sort_unstable();
    assert_eq!(methods, ["elicitation/create", "sampling/createMessage"]);
    for asked in &asked {
        assert!(scene.responds("bob", &asked["id"], &json!({})).is_err(), "it is not bob's");
        scene.responds("ann", &asked["id"], &json!({"to": asked["method"]})).unwrap();
    }
    let again = scene.request("tools/call");
    assert_ne!(again["id"], first["id"]);
    assert_eq!(again["params"]["requestState"], "s\u{e9}aled");
    let said = json!({"user \"name\"": {"to": "elicitation/create"}, "model": {"to": "sampling/createMessage"}});
    assert_eq!(again["params"]["inputResponses"], said);
    assert_eq!(again["params"]["name"], "t");
    scene.answers(&again["id"], &json!({"resultType": "complete", "content": []}));
    assert_eq!(scene.last_heard(call)["id"], "mine");
    assert_eq!(scene.heard(call).len(), 3);
}

#[test]
fn a_legacy_client_that_cannot_be_asked_is_told_what_is_missing() {
    let mut scene = Scene::modern();
    let client = Client::initialized(None);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
    let call = scene.sends("ann", Some(&client), body).unwrap();
    let id = scene.last()["id"].clone();
    scene.answers(&id, &incomplete());
    assert_eq!(scene.last_heard(call)["error"]["code"], -32_021);
}

#[test]
fn a_server_does_not_ask_a_legacy_client_forever() {
    let mut scene = Scene::modern();
    let call = scene.legacy_call("ann", &tool(1));
    // Without questions the call comes again at once.
    for _ in 0..17 {
        let id = scene.request("tools/call")["id"].clone();
        scene.answers(&id, &json!({"resultType": "input_required", "requestState": "s"}));
    }
    assert_eq!(scene.last_heard(call)["error"]["message"], "the server asked too often");
}

#[test]
fn an_incomplete_answer_passes_to_a_modern_client_as_it_is() {
    let mut scene = Scene::modern();
    let call = scene.modern_call("ann", &tool(1));
    let id = scene.last()["id"].clone();
    scene.answers(&id, &incomplete());
    assert_eq!(scene.last_heard(call)["result"], incomplete());
}
