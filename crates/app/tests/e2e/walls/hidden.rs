//! A tool that is not granted is not listed, and a call of it meets what a call of no tool at all meets.

use axum::response::IntoResponse;
use axum::routing::post;
use partywall_testkit::fixture::Options;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Visitor, assert_alike};
use crate::http::{Answer, LEGACY};
use crate::world::{Fixture, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_is_not_granted_does_not_exist() {
    for json in [true, false] {
        let fixture = Fixture::start(Options { json, ..Options::default() }).await;
        let world = World::demo();
        let all = fixture.documents();
        let (acme, globex) = all.split_once("[tenant.globex]").unwrap();
        let acme = acme.replacen("allow = [\"*\"]", "allow = [\"echo\", \"test_*\"], deny = [\"test_image*\"]", 1);
        world.must_apply(&format!("{acme}[tenant.globex]{globex}"));
        let everything = listed(&Visitor::modern(&world, "fixture", &world.token("globex", "gus"))).await;
        assert!(everything.iter().any(|tool| tool == "sleep"), "{everything:?}");
        let granted = |tool: &str| tool == "echo" || tool.starts_with("test_") && !tool.starts_with("test_image");
        let expected: Vec<_> = everything.into_iter().filter(|tool| granted(tool)).collect();

        for ann in Visitor::in_both_eras(&world, "fixture", &world.token("acme", "ann")).await {
            assert_eq!(listed(&ann).await, expected);
            let echo = ann.tool("echo", json!({})).await;
            // The SDK streams every answer of its legacy era; a server that does not is in the next test.
            assert_eq!(is_stream(&echo), !json || ann.session.is_some(), "{echo:?}");
            for (hidden, absent) in
                [("sleep", "slept"), ("verbatim", "verbatum"), ("test_image_content", "test_image_contend")]
            {
                fixture.received.clear();
                let hidden_answer = ann.tool(hidden, json!({"ms": 1})).await;
                let absent_answer = ann.tool(absent, json!({"ms": 1})).await;
                assert_eq!(hidden_answer.code(), Some(-32602), "{hidden_answer:?}");
                assert_alike((&hidden_answer, hidden), (&absent_answer, absent));
                assert!(fixture.received.all().is_empty(), "it got as far as the server");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_list_in_json_is_shortened_too() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, axum::Router::new().route("/mcp", post(plain_legacy))).into_future());
    let world = World::demo();
    world.must_apply(&format!(
        "[server.plain]\nurl = \"{url}\"\nsharing = \"stateless\"\n[tenant.acme]\nplan = \"standard\"\n\
         identities = [{{ issuer = \"development\", value = \"acme\" }}]\n\
         servers.plain = {{ placement = \"shared\", tools = {{ allow = [\"echo\"] }} }}\n"
    ));
    let ann = Visitor::legacy(&world, "plain", &world.token("acme", "ann")).await;
    let list = ann.send("tools/list", json!({})).await;
    assert!(!is_stream(&list), "{list:?}");
    assert_eq!(listed(&ann).await, ["echo"]);
}

/// A server of the legacy era that answers JSON, as many do.
async fn plain_legacy(axum::Json(request): axum::Json<Value>) -> axum::response::Response {
    let info = json!({"protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": {"name": "plain"}});
    let tools = ["echo", "sleep"].map(|name| json!({"name": name, "inputSchema": {"type": "object"}}));
    let result = match request["method"].as_str() {
        Some("initialize") => info,
        Some("tools/list") => json!({"tools": tools}),
        _ => return (http::StatusCode::BAD_REQUEST, "Bad Request").into_response(),
    };
    let answer = axum::Json(json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    ([("mcp-session-id", "one-for-all")], answer).into_response()
}

fn is_stream(answer: &Answer) -> bool {
    answer.header("content-type").is_some_and(|mime| mime.starts_with("text/event-stream"))
}

/// The names of the tools listed, in order.
async fn listed(visitor: &Visitor) -> Vec<String> {
    let list = visitor.send("tools/list", json!({})).await.json();
    let tools = list.pointer("/result/tools").and_then(Value::as_array).unwrap_or_else(|| panic!("{list}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}
