//! The gateway's handshake with the instance, and the answers that clients get from it.

use std::time::Duration;

use partywall_mcp::Era;
use partywall_mcp::stdio::{Options, Turned};
use serde_json::json;

use crate::scene::{ALL, Scene, Told, legacy_client, legacy_server, modern_server, tool};

#[test]
fn a_modern_server_is_asked_once() {
    let mut scene = Scene::open(Options::default());
    let discover = scene.request("server/discover");
    assert_eq!(discover["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    scene.answers(&discover["id"], &modern_server());
    assert!(scene.ready);
    assert_eq!(scene.written.len(), 1);
}

#[test]
fn a_legacy_server_is_found_by_any_answer_and_by_none() {
    for silent in [false, true] {
        let mut scene = Scene::open(Options { questions: ALL, ..Options::default() });
        let discover = scene.request("server/discover");
        if silent {
            scene.wait(Duration::from_secs(4));
        } else {
            scene.fails(&discover["id"], -32_000);
        }
        let initialize = scene.request("initialize");
        assert_eq!(initialize["params"]["capabilities"], json!({"sampling": {}, "elicitation": {}, "roots": {}}));
        // The first question may still be answered, late; it is not the answer to the second.
        scene.answers(&discover["id"], &modern_server());
        assert!(!scene.ready);
        scene.answers(&initialize["id"], &legacy_server());
        assert!(scene.ready);
        scene.request("notifications/initialized");
    }
}

#[test]
fn a_server_known_to_be_of_an_era_is_asked_in_that_era_alone() {
    let scene = Scene::open(Options { era: Some(Era::Legacy), ..Options::default() });
    assert_eq!(scene.request("initialize")["params"]["capabilities"], json!({}));
    let mut scene = Scene::open(Options { era: Some(Era::Modern), ..Options::default() });
    let discover = scene.request("server/discover");
    scene.fails(&discover["id"], -32_601);
    assert!(scene.broken.is_some());
}

#[test]
fn a_server_that_says_nothing_is_broken_and_whoever_waits_is_told() {
    let mut scene = Scene::open(Options::default());
    let call = scene.legacy_call("ann", &tool(1));
    scene.wait(Duration::from_secs(4));
    assert_eq!(scene.request("initialize")["id"], 3);
    scene.wait(Duration::from_secs(61));
    assert!(scene.broken.is_some());
    assert_eq!(scene.last_heard(call), json!({"failed": "Gone"}));
    assert_eq!(scene.sends("ann", None, &tool(2).to_string()), Err(Turned::Unreadable));
    let again = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}).to_string();
    assert_eq!(scene.sends("ann", None, &again), Err(Turned::Gone));
}

#[test]
fn what_comes_before_the_handshake_waits_for_it() {
    let mut scene = Scene::open(Options::default());
    let call = scene.legacy_call("ann", &tool(1));
    let hello = scene.legacy_call("ann", &json!({"id": 2, "method": "initialize", "params": {}}));
    let discover = scene.request("server/discover");
    scene.answers(&discover["id"], &modern_server());
    assert_eq!(scene.last_heard(hello)["result"]["serverInfo"]["name"], "new");
    let sent = scene.request("tools/call");
    scene.answers(&sent["id"], &json!({"content": []}));
    assert_eq!(scene.last_heard(call)["id"], 1);
}

#[test]
fn the_handshakes_of_clients_are_answered_here() {
    for mut scene in [Scene::legacy(ALL), Scene::modern()] {
        let before = scene.written.len();
        let params = json!({"protocolVersion": "2024-11-05", "capabilities": {}});
        let hello = scene.legacy_call("ann", &json!({"id": "a", "method": "initialize", "params": params}));
        let discover = scene.modern_call("bob", &json!({"id": 7, "method": "server/discover"}));
        let ping = scene.legacy_call("ann", &json!({"id": 8, "method": "ping"}));
        assert_eq!(scene.last_heard(hello)["result"]["protocolVersion"], "2024-11-05");
        assert_eq!(scene.last_heard(hello)["id"], "a");
        assert_eq!(scene.last_heard(discover)["result"]["supportedVersions"][0], "2026-07-28");
        assert_eq!(scene.last_heard(ping)["result"], json!({}));
        assert_eq!(scene.written.len(), before, "the server hears of none of it");
    }
}

#[test]
fn methods_of_the_other_era_and_unknown_ones_do_not_reach_the_server() {
    let mut scene = Scene::legacy(ALL);
    let before = scene.written.len();
    for (call, what) in [
        (scene.modern_call("ann", &json!({"id": 1, "method": "logging/setLevel"})), "a legacy method, modern client"),
        (scene.legacy_call("ann", &json!({"id": 1, "method": "logging/setLevel"})), "a level of a shared process"),
        (scene.legacy_call("ann", &json!({"id": 1, "method": "tasks/list"})), "a method that nobody reads"),
    ] {
        assert_eq!(scene.last_heard(call)["error"]["code"], -32_601, "{what}");
    }
    assert_eq!(scene.written.len(), before);
}

#[test]
fn an_instance_that_ends_ends_every_call() {
    let mut scene = Scene::legacy(ALL);
    let calls = [scene.modern_call("ann", &tool(1)), scene.legacy_call("bob", &tool(2))];
    let stream = scene.channel.stream("bob", &legacy_client()).unwrap();
    scene.channel.close();
    scene.settle();
    for call in calls.into_iter().chain([stream]) {
        assert!(matches!(scene.told[&call][..], [Told::Failed(_)]), "{call}");
    }
}
