//! Ids, progress and cancelling: whose answer is whose.

use std::time::Duration;

use partywall_mcp::stdio::Questions;
use serde_json::json;

use crate::scene::{ALL, Scene, legacy_client, tool};

const NONE: Questions = Questions { sampling: false, elicitation: false, roots: false };

#[test]
fn the_same_id_of_several_clients_is_several_ids_on_the_channel() {
    let mut scene = Scene::legacy(NONE);
    let calls = ["ann", "bob", "ann"].map(|owner| scene.legacy_call(owner, &tool(1)));
    let ids: Vec<_> = scene.written.iter().rev().take(3).rev().map(|line| id_of(line)).collect();
    for (which, text) in [(2, "third"), (0, "first"), (1, "second")] {
        scene.answers(&ids[which].into(), &json!({"content": text}));
    }
    let heard = calls.map(|call| scene.last_heard(call));
    assert_eq!(heard.each_ref().map(|answer| answer["id"].clone()), [json!(1), json!(1), json!(1)]);
    assert_eq!(heard.map(|answer| answer["result"]["content"].clone()), ["first", "second", "third"]);
}

fn id_of(line: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap()
}

#[test]
fn an_answer_comes_once_and_one_that_nobody_asked_for_reaches_nobody() {
    let mut scene = Scene::legacy(NONE);
    let call = scene.legacy_call("ann", &tool("x"));
    let id = scene.last()["id"].clone();
    scene.answers(&json!(99), &json!({}));
    scene.answers(&json!(id.to_string()), &json!({}));
    scene.answers(&id, &json!({"ok": 1}));
    scene.answers(&id, &json!({"ok": 2}));
    assert_eq!(scene.heard(call), [json!({"jsonrpc": "2.0", "id": "x", "result": {"ok": 1}})]);
    assert_eq!(scene.channel.dropped().late, 3);
}

#[test]
fn progress_goes_by_its_token_and_has_the_clients_own() {
    let mut scene = Scene::legacy(NONE);
    let mut body = tool(1);
    body["params"]["_meta"]["progressToken"] = "same".into();
    let (ann, bob) = (scene.legacy_call("ann", &body), scene.modern_call("bob", &body));
    let sent = scene.last();
    assert_eq!(sent["params"]["_meta"], json!({"progressToken": sent["id"]}));
    scene.tells("notifications/progress", &json!({"progressToken": sent["id"], "progress": 0.5, "x": [1]}));
    scene.tells("notifications/progress", &json!({"progressToken": "same", "progress": 0.7}));
    assert_eq!(scene.last_heard(bob)["params"], json!({"progressToken": "same", "progress": 0.5, "x": [1]}));
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (0, 1));
}

/// Go's reader takes a name in any case, and would find the number of another's call.
#[test]
fn a_token_in_another_spelling_is_replaced_too() {
    for meta in [
        r#""_meta":{"ProgressToken":4000}"#,
        r#""_META":{"progressToken":4000}"#,
        r#""_meta":{"progress\u0054oken":4000}"#,
    ] {
        let mut scene = Scene::legacy(NONE);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t",{meta}}}}}"#);
        scene.sends("ann", Some(&legacy_client()), &body).unwrap();
        let wire = scene.last_id();
        let sent = scene.written.last().unwrap();
        assert!(sent.contains(&format!(":{wire}}}")) && !sent.contains("4000"), "{sent}");
    }
}

#[test]
fn a_modern_client_that_leaves_has_cancelled_and_a_legacy_one_has_not() {
    let mut scene = Scene::legacy(NONE);
    let (ann, bob) = (scene.modern_call("ann", &tool(1)), scene.legacy_call("bob", &tool(1)));
    let ids: Vec<_> = scene.written.iter().rev().take(2).map(|line| id_of(line)).collect();
    let before = scene.written.len();
    scene.leaves(bob);
    assert_eq!(scene.written.len(), before);
    scene.leaves(ann);
    assert_eq!(scene.request("notifications/cancelled")["params"]["requestId"], ids[1]);
    scene.answers(&ids[1].into(), &json!({}));
    scene.answers(&ids[0].into(), &json!({}));
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (0, 1));
}

#[test]
fn a_legacy_client_cancels_its_own_calls_alone() {
    let mut scene = Scene::legacy(NONE);
    let (ann, bob) = (scene.legacy_call("ann", &tool(1)), scene.legacy_call("bob", &tool(1)));
    let bobs = scene.last()["id"].clone();
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    scene.channel.notify(&"bob", cancel.to_string().as_bytes(), scene.now);
    scene.settle();
    assert_eq!(scene.last()["params"]["requestId"], bobs);
    assert_eq!(scene.heard(bob), [json!({"failed": "Cancelled"})]);
    assert_eq!(scene.heard(ann).len(), 0);
}

#[test]
fn what_names_no_call_is_for_the_only_owner_there_ever_was() {
    let mut scene = Scene::legacy(NONE);
    let log = json!({"level": "info", "data": "of ann"});
    let ann = scene.legacy_call("ann", &tool(1));
    scene.tells("notifications/message", &log);
    assert_eq!(scene.last_heard(ann)["params"], log);
    let bob = scene.legacy_call("bob", &tool(1));
    scene.tells("notifications/message", &log);
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (1, 0));
    assert_eq!(scene.channel.dropped().nobodys, 1);
}

#[test]
fn owners_take_turns_where_the_server_may_ask() {
    let mut scene = Scene::legacy(ALL);
    let first = scene.legacy_call("ann", &tool(1));
    let ann = scene.last()["id"].clone();
    scene.legacy_call("bob", &tool(2));
    let later = scene.legacy_call("ann", &tool(3));
    assert_eq!(scene.last()["id"], ann, "bob waits, and what comes after bob waits too");
    scene.answers(&ann, &json!({}));
    let bob = scene.last()["id"].clone();
    assert_ne!(bob, ann);
    assert_eq!(scene.heard(first).len(), 1);
    scene.answers(&bob, &json!({}));
    assert_ne!(scene.last()["id"], bob);
    let id = scene.last()["id"].clone();
    scene.answers(&id, &json!({}));
    assert_eq!(scene.last_heard(later)["id"], 3);
}

#[test]
fn a_cancelled_call_keeps_its_turn_until_it_is_answered_or_time_is_up() {
    for answered in [true, false] {
        let mut scene = Scene::legacy(ALL);
        let ann = scene.modern_call("ann", &tool(1));
        let id = scene.last()["id"].clone();
        scene.legacy_call("bob", &tool(2));
        scene.leaves(ann);
        scene.request("notifications/cancelled");
        if answered {
            scene.fails(&id, -32_000);
        } else {
            scene.wait(Duration::from_secs(3));
        }
        assert_eq!(scene.request("tools/call")["params"]["name"], "t");
        assert_eq!(scene.heard(ann).len(), 0);
    }
}
