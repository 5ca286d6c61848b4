//! Questions of a legacy server: who is asked, how, and who may answer.

use std::time::Duration;

use partywall_mcp::Era;
use partywall_mcp::stdio::{Options, Questions, Turned};
use serde_json::json;

use crate::scene::{ALL, Scene, legacy_client, legacy_server, tool};

#[test]
fn a_legacy_client_is_asked_on_the_stream_of_its_call() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.legacy_call("ann", &tool(1));
    scene.asks(&json!("q"), "elicitation/create");
    let asked = scene.last_heard(call);
    assert_eq!((&asked["method"], &asked["params"]["x"]), (&json!("elicitation/create"), &json!("secret")));
    assert_eq!(scene.responds("bob", &asked["id"], &json!({})), Err(Turned::Unknown), "it is not bob's");
    assert_eq!(scene.responds("ann", &json!(77), &json!({})), Err(Turned::Unknown), "nobody asked that");
    assert_eq!(scene.responds("ann", &asked["id"], &json!({"action": "accept"})), Ok(()));
    assert_eq!(scene.last(), json!({"jsonrpc": "2.0", "id": "q", "result": {"action": "accept"}}));
    assert_eq!(scene.responds("ann", &asked["id"], &json!({})), Err(Turned::Unknown), "it is answered already");
}

#[test]
fn a_modern_client_is_asked_by_an_incomplete_answer_and_comes_back() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.modern_call("ann", &tool(1));
    let wire = scene.last()["id"].clone();
    scene.asks(&json!(5), "sampling/createMessage");
    let asked = scene.last_heard(call);
    assert_eq!((&asked["id"], &asked["result"]["resultType"]), (&json!(1), &json!("input_required")));
    assert_eq!(asked["result"]["requestState"], format!("state-{call}"));
    let questions = asked["result"]["inputRequests"].as_object().unwrap().clone();
    let (key, question) = questions.into_iter().next().unwrap();
    assert_eq!(question, json!({"method": "sampling/createMessage", "params": {"x": "secret"}}));

    let mut again = tool("again");
    again["params"]["inputResponses"] = json!({key: {"role": "assistant"}, "other": {}});
    assert_eq!(scene.resumes("bob", call, &again), Err(Turned::Unknown), "it is not bob's");
    let mut other = again.clone();
    other["params"]["name"] = "another tool".into();
    assert_eq!(scene.resumes("ann", call, &other), Err(Turned::Unknown), "it is another call");
    assert_eq!(scene.resumes("ann", call, &again), Ok(()));
    assert_eq!(scene.last(), json!({"jsonrpc": "2.0", "id": 5, "result": {"role": "assistant"}}));
    scene.answers(&wire, &json!({"content": []}));
    let answer = json!({"jsonrpc": "2.0", "id": "again", "result": {"content": [], "resultType": "complete"}});
    assert_eq!(scene.last_heard(call), answer);
}

#[test]
fn a_modern_client_that_comes_back_without_the_answer_is_asked_again() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.modern_call("ann", &tool(1));
    scene.asks(&json!(5), "roots/list");
    scene.asks(&json!(6), "elicitation/create");
    assert_eq!(scene.heard(call).len(), 1, "the second question waits until the client is back");
    let first = scene.last_heard(call)["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let mut again = tool(2);
    again["params"]["inputResponses"] = json!({first: {"roots": []}});
    assert_eq!(scene.resumes("ann", call, &again), Ok(()));
    let asked = scene.last_heard(call);
    assert_eq!((&asked["id"], asked["result"]["inputRequests"].as_object().unwrap().len()), (&json!(2), 1));
    assert_eq!(
        asked["result"]["inputRequests"].as_object().unwrap().values().next().unwrap()["method"],
        "elicitation/create"
    );
}

#[test]
fn an_answer_that_came_meanwhile_is_kept_for_the_client_that_comes_back() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.modern_call("ann", &tool(1));
    let wire = scene.last()["id"].clone();
    scene.asks(&json!(5), "roots/list");
    scene.answers(&wire, &json!({"content": ["gave up waiting"]}));
    scene.legacy_call("bob", &tool(1));
    assert_eq!(scene.request("tools/call")["params"]["name"], "t", "the turn is over");
    assert_eq!(scene.resumes("ann", call, &tool(2)), Ok(()));
    assert_eq!(scene.last_heard(call)["result"]["content"], json!(["gave up waiting"]));
}

/// A legacy server names no call, so a question may be about a younger call of the owner than the one that it came to.
#[test]
fn a_question_outlives_the_call_that_it_came_to_while_its_owner_has_another() {
    let mut scene = Scene::legacy(ALL);
    let (call, wire) = (scene.legacy_call("ann", &tool(1)), scene.last()["id"].clone());
    let (_, other) = (scene.legacy_call("ann", &tool(2)), scene.last()["id"].clone());
    scene.asks(&json!(5), "roots/list");
    let asked = scene.last_heard(call);
    scene.answers(&wire, &json!({"content": []}));
    assert_eq!(scene.responds("bob", &asked["id"], &json!({})), Err(Turned::Unknown), "it is not bob's");
    assert_eq!(scene.responds("ann", &asked["id"], &json!({"roots": []})), Ok(()));
    assert_eq!(scene.last(), json!({"jsonrpc": "2.0", "id": 5, "result": {"roots": []}}));
    scene.answers(&other, &json!({"content": []}));

    for (question, answered) in [(6, true), (7, false)] {
        let (call, wire) = (scene.modern_call("bob", &tool(1)), scene.last()["id"].clone());
        let (_, other) = (scene.modern_call("bob", &tool(2)), scene.last()["id"].clone());
        scene.asks(&json!(question), "roots/list");
        let key = scene.last_heard(call)["result"]["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
        scene.answers(&wire, &json!({"content": ["done"]}));
        let mut again = tool(3);
        again["params"]["inputResponses"] = if answered { json!({key: {"roots": []}}) } else { json!({}) };
        assert_eq!(scene.resumes("bob", call, &again), Ok(()));
        assert_eq!(scene.last_heard(call)["result"]["content"], json!(["done"]));
        assert_eq!((&scene.last()["id"], scene.last().get("result").is_some()), (&json!(question), answered));
        scene.answers(&other, &json!({"content": []}));
    }
}

#[test]
fn a_client_that_does_not_come_back_is_not_waited_for_forever() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.modern_call("ann", &tool(1));
    scene.asks(&json!(5), "roots/list");
    scene.wait(Duration::from_secs(121));
    let written: Vec<_> = scene.written.iter().rev().take(2).rev().collect();
    assert!(written[0].contains("notifications/cancelled"), "{written:?}");
    assert!(written[1].contains("\"id\":5,\"error\""), "{written:?}");
    assert_eq!(scene.resumes("ann", call, &tool(2)), Err(Turned::Unknown));
}

#[test]
fn a_client_that_left_before_it_read_the_question_is_not_waited_for() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.modern_call("ann", &tool(1));
    let wire = scene.last()["id"].clone();
    scene.asks(&json!(5), "roots/list");
    scene.leaves(call);
    assert_eq!((&scene.last()["id"], &scene.last()["error"]["code"]), (&json!(5), &json!(40_900)));
    assert_eq!(scene.resumes("ann", call, &tool(2)), Err(Turned::Unknown), "nobody knows of it");
    scene.answers(&wire, &json!({"content": []}));
    scene.legacy_call("bob", &tool(1));
    scene.request("tools/call");
    assert_eq!(scene.last()["params"]["name"], "t", "the turn is bob's");

    // The same where the server has given up the question and answered.
    let call = scene.modern_call("bob", &tool(1));
    let wire = scene.last()["id"].clone();
    scene.asks(&json!(6), "roots/list");
    scene.answers(&wire, &json!({"content": []}));
    scene.leaves(call);
    assert_eq!(scene.resumes("bob", call, &tool(2)), Err(Turned::Unknown));
}

#[test]
fn a_question_that_a_legacy_client_does_not_answer_is_refused_in_time() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.legacy_call("ann", &tool(1));
    scene.asks(&json!(5), "roots/list");
    let asked = scene.last_heard(call)["id"].clone();
    scene.wait(Duration::from_secs(121));
    assert_eq!(scene.last()["error"]["message"], "the client did not answer in time");
    assert_eq!(scene.responds("ann", &asked, &json!({})), Err(Turned::Unknown));
}

#[test]
fn nobody_is_asked_who_cannot_be() {
    let refused = |scene: &mut Scene, code: i64, what: &str| {
        assert_eq!(scene.last()["error"]["code"], code, "{what}");
        assert_eq!(scene.channel.dropped().unasked, 1, "{what}");
    };
    let mut scene = Scene::legacy(ALL);
    scene.asks(&json!(1), "roots/list");
    refused(&mut scene, 40_900, "nobody's call is under way");

    let mut scene = Scene::legacy(Questions { sampling: true, ..Questions::default() });
    scene.legacy_call("ann", &tool(1));
    scene.asks(&json!(1), "roots/list");
    refused(&mut scene, -32_601, "roots were declared absent");

    let mut scene = Scene::legacy(ALL);
    let plain = partywall_mcp::stdio::Client::initialized(None);
    scene
        .sends("ann", Some(&plain), r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#)
        .unwrap();
    scene.asks(&json!(1), "roots/list");
    refused(&mut scene, 40_900, "the client did not declare it");

    let mut scene = Scene::legacy(ALL);
    scene.modern_call("ann", &json!({"id": 1, "method": "tools/list"}));
    scene.asks(&json!(1), "roots/list");
    refused(&mut scene, 40_900, "an answer to a list cannot be incomplete");

    let mut scene = Scene::modern();
    scene.modern_call("ann", &tool(1));
    scene.asks(&json!(1), "roots/list");
    refused(&mut scene, -32_601, "a modern server asks in its answers");
}

/// The only call under way is bob's, and the question is ann's: whoever counts calls or sessions tells bob.
#[test]
fn a_question_of_a_cancelled_call_does_not_go_to_the_next_owner() {
    let mut scene = Scene::legacy(ALL);
    let ann = scene.modern_call("ann", &tool(1));
    let wire = scene.last()["id"].clone();
    scene.leaves(ann);
    let bob = scene.legacy_call("bob", &tool(2));
    scene.asks(&json!(1), "elicitation/create");
    assert_eq!(scene.last()["error"]["code"], 40_900, "ann still has the turn, and left");
    scene.wait(Duration::from_secs(3));
    scene.request("tools/call");
    scene.asks(&json!(2), "elicitation/create");
    assert_eq!(scene.last()["error"]["code"], 40_900, "bob has the turn, and the question may be ann's");
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (0, 0));
    // Once the server has answered the cancelled call, nothing of it can come any more.
    scene.answers(&wire, &json!({}));
    scene.asks(&json!(3), "elicitation/create");
    assert_eq!(scene.last_heard(bob)["method"], "elicitation/create");
}

/// Most servers never answer a cancelled call. One cancelled call must not leave all others without questions for good.
#[test]
fn a_server_that_never_answers_a_cancelled_call_is_replaced_once_that_is_in_the_way() {
    let mut scene = Scene::legacy(ALL);
    let ann = scene.modern_call("ann", &tool(1));
    scene.leaves(ann);
    scene.wait(Duration::from_secs(3));
    let again = scene.modern_call("ann", &tool(2));
    let wire = scene.last()["id"].clone();
    scene.asks(&json!(1), "roots/list");
    assert_eq!(scene.last_heard(again)["result"]["resultType"], "input_required", "ann's or ann's");
    scene.answers(&wire, &json!({}));
    assert_eq!(scene.worn, 0, "nobody misses anything");
    scene.resumes("ann", again, &tool(3)).unwrap();

    let bob = scene.modern_call("bob", &tool(1));
    scene.asks(&json!(2), "roots/list");
    assert_eq!((&scene.last()["error"]["code"], scene.heard(bob).len()), (&json!(40_900), 0), "it may be ann's");
    assert_eq!(scene.worn, 1);
    scene.asks(&json!(3), "roots/list");
    scene.wait(Duration::from_secs(3));
    assert_eq!(scene.worn, 1, "it is told once");
}

#[test]
fn a_server_is_not_replaced_while_a_client_is_to_come_back_to_it() {
    let mut scene = Scene::legacy(ALL);
    let parked = scene.modern_call("ann", &tool(1));
    let cancelled = scene.modern_call("bob", &tool(1));
    scene.asks(&json!(1), "roots/list");
    let wire = scene.request("tools/call")["id"].clone();
    scene.answers(&wire, &json!({}));
    scene.leaves(cancelled);
    scene.wait(Duration::from_secs(3));
    scene.legacy_call("cleo", &tool(1));
    scene.asks(&json!(2), "roots/list");
    assert_eq!((&scene.last()["error"]["code"], scene.worn), (&json!(40_900), 0), "ann's answer is kept here");
    scene.resumes("ann", parked, &tool(2)).unwrap();
    scene.wait(Duration::from_secs(1));
    assert_eq!(scene.worn, 1);
}

#[test]
fn a_server_that_never_answers_is_replaced_before_too_many_calls_are_remembered() {
    for sole in [false, true] {
        let mut scene = Scene::open(Options { questions: ALL, era: Some(Era::Legacy), sole });
        let initialize = scene.request("initialize");
        scene.answers(&initialize["id"], &legacy_server());
        for number in 0..257 {
            let call = scene.modern_call("ann", &tool(number));
            scene.leaves(call);
            scene.wait(Duration::from_secs(3));
        }
        assert_eq!(scene.worn, usize::from(!sole), "one that is its owner's alone mistakes nobody");
    }
}

#[test]
fn a_question_that_is_taken_back_is_taken_back_from_the_client() {
    let mut scene = Scene::legacy(ALL);
    let call = scene.legacy_call("ann", &tool(1));
    scene.asks(&json!("q"), "elicitation/create");
    let asked = scene.last_heard(call)["id"].clone();
    scene.tells("notifications/cancelled", &json!({"requestId": "q"}));
    assert_eq!(scene.last_heard(call)["params"]["requestId"], asked);
    assert_eq!(scene.responds("ann", &asked, &json!({})), Err(Turned::Unknown));
}

#[test]
fn a_ping_of_the_server_is_answered_here() {
    let mut scene = Scene::legacy(ALL);
    scene.channel.stream("ann", &legacy_client()).unwrap();
    scene.asks(&json!("p"), "ping");
    assert_eq!(scene.last(), json!({"jsonrpc": "2.0", "id": "p", "result": {}}));
}
