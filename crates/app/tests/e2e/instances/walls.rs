//! Two tenants, two principals, and the question how to get at the other one's instance.

use serde_json::{Value, json};

use super::boxed::Boxed;
use crate::http::{Answer, Ask};
use crate::legacy::Session;
use crate::scripted::until;
use crate::world::World;

/// Which process answers: its parent cannot be told from within a box, but each has a memory of its own.
async fn subscribed(world: &World, token: &str) -> Answer {
    Ask::modern(&world.url("boxed"), token, "tools/call", json!({"name": "echo", "arguments": {}})).send().await
}

/// Waits until the log says of so many starts, and no more.
async fn started(world: &World, expected: usize, what: &str) {
    until(&format!("{expected} started: {what}"), || {
        let started = world.log_lines("instance_ready").len();
        assert!(started <= expected, "{started} started: {what}");
        (started == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_instance_stands_for_whom_its_server_says() {
    for (per, expected) in [("all", 1), ("tenant", 2), ("subject", 3), ("session", 3)] {
        let world = World::demo();
        let server = format!("instance_per = \"{per}\"\nsharing = \"stateless\"");
        world.must_apply(&Boxed::fixture("both").with_server(&server).documents());
        for (tenant, subject) in [("acme", "ann"), ("acme", "bob"), ("globex", "ann")] {
            for _ in 0..2 {
                assert_eq!(subscribed(&world, &world.token(tenant, subject)).await.status, 200);
            }
        }
        started(&world, expected, per).await;
        // Two sessions of one principal are one subject, and two sessions.
        let token = world.token("acme", "ann");
        for _ in 0..2 {
            let session = Session::open(&world.url("boxed"), &token).await;
            assert_eq!(session.call(1, "echo", &json!({})).send().await.status, 200);
        }
        started(&world, expected + if per == "session" { 2 } else { 0 }, per).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_session_at_an_instance_is_nobody_elses() {
    let world = World::demo();
    let server = "instance_per = \"all\"\nsharing = \"stateless\"";
    world.must_apply(&Boxed::fixture("legacy").with_server(server).documents());
    let (ann, bob, gus) = (world.token("acme", "ann"), world.token("acme", "bob"), world.token("globex", "ann"));
    let session = Session::open(&world.url("boxed"), &ann).await;
    for (whose, token) in [("a colleague", &bob), ("a neighbour", &gus)] {
        let stolen = session.with_token(token);
        for ask in [stolen.call(1, "echo", &json!({})), stolen.listen(None), stolen.delete()] {
            let answer = ask.send().await;
            assert_eq!((answer.status.as_u16(), answer.code()), (404, Some(40_400)), "{whose}: {answer:?}");
        }
    }
    let without = session.call(1, "echo", &json!({})).without("mcp-session-id").send().await;
    assert_eq!(without.status, 400, "{without:?}");
    assert_eq!(session.call(1, "echo", &json!({})).send().await.status, 200, "and it goes on");
    assert_eq!(session.delete().send().await.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_question_is_answered_by_the_one_it_was_put_to() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("legacy").with_command("asks = [\"elicitation\"]").documents());
    let url = world.url("boxed");
    let params = json!({"name": "test_elicitation", "arguments": {"message": "who?"}});
    let ask = |token: &str, more: &Value| {
        let mut params = params.clone();
        for (name, value) in more.as_object().unwrap() {
            params[name] = value.clone();
        }
        let ask = Ask::modern(&url, token, "tools/call", params.clone());
        // A client that can be asked.
        let mut body: Value = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        body["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        });
        ask.body(body.to_string())
    };
    let (ann, bob, gus) = (world.token("acme", "ann"), world.token("acme", "bob"), world.token("globex", "ann"));
    let asked = ask(&ann, &json!({})).send().await.json();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let state = asked["result"]["requestState"].as_str().unwrap();
    let key = asked["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let said = json!({"action": "accept", "content": {"username": "ann", "email": "a@b"}});
    let answer = json!({"requestState": state, "inputResponses": {key: said}});
    // To anybody else the state is no call of theirs: the server sees a call that begins, and asks anew. A colleague's
    // waits at the same instance until the question that is open has its answer.
    let stolen = ask(&gus, &answer).send().await.json();
    assert_eq!(stolen["result"]["resultType"], "input_required", "a neighbour: {stolen}");
    let colleague = ask(&bob, &answer);
    let colleague = tokio::spawn(async move { colleague.send().await.json() });
    let done = ask(&ann, &answer).send().await.json();
    let text = done["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("User response: action=accept"), "{done}");
    let stolen = colleague.await.unwrap();
    assert_eq!(stolen["result"]["resultType"], "input_required", "a colleague: {stolen}");
    let again = ask(&ann, &answer).send().await.json();
    assert!(!again.to_string().contains("action=accept"), "an answer counts once: {again}");
}
