//! Changes, and who hears of them.

use partywall_mcp::stdio::Options;
use serde_json::{Value, json};

use crate::scene::{ALL, Scene, legacy_client, modern_server};

fn listen(id: &str, filter: &Value) -> Value {
    json!({"id": id, "method": "subscriptions/listen", "params": {"notifications": filter}})
}

const TOOLS: &str = "notifications/tools/list_changed";
const UPDATED: &str = "notifications/resources/updated";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

#[test]
fn a_modern_subscription_at_a_legacy_server_is_served_here() {
    let mut scene = Scene::legacy(ALL);
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["a:1"]});
    let ann = scene.modern_call("ann", &listen("L", &filter));
    let first = scene.last_heard(ann);
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"][SUBSCRIPTION], "L");
    // The server has no prompts, so none of their changes are promised.
    assert_eq!(first["params"]["notifications"], json!({"toolsListChanged": true, "resourceSubscriptions": ["a:1"]}));
    assert_eq!(scene.request("resources/subscribe")["params"], json!({"uri": "a:1"}));

    let bob = scene.modern_call("bob", &listen("B", &json!({"resourceSubscriptions": ["a:1", "a:2"]})));
    assert_eq!(scene.request("resources/subscribe")["params"], json!({"uri": "a:2"}), "a:1 is asked for once");
    scene.tells(TOOLS, &json!({"_meta": {"about": "somebody"}}));
    scene.tells(UPDATED, &json!({"uri": "a:2", "title": "somebody's"}));
    assert_eq!(scene.last_heard(ann)["params"], json!({"_meta": {SUBSCRIPTION: "L"}}));
    assert_eq!(scene.last_heard(bob)["params"], json!({"_meta": {SUBSCRIPTION: "B"}, "uri": "a:2"}));
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (2, 2));

    let before = scene.written.len();
    scene.leaves(ann);
    assert_eq!(scene.written.len(), before, "bob still listens to a:1");
    scene.leaves(bob);
    let ended: Vec<_> = scene.written[before..].iter().map(|line| line.contains("resources/unsubscribe")).collect();
    assert_eq!(ended, [true, true]);
}

#[test]
fn legacy_clients_hear_what_they_subscribed_to() {
    let mut scene = Scene::legacy(ALL);
    let [ann, bob] = ["ann", "bob"].map(|owner| scene.channel.stream(owner, &legacy_client()).unwrap());
    let on = |uri: &str| json!({"id": 1, "method": "resources/subscribe", "params": {"uri": uri}});
    let off = json!({"id": 2, "method": "resources/unsubscribe", "params": {"uri": "a:1"}});
    for (owner, uri) in [("ann", "a:1"), ("bob", "a:1"), ("bob", "b:/dir")] {
        let call = scene.legacy_call(owner, &on(uri));
        let sent = scene.request("resources/subscribe");
        scene.answers(&sent["id"], &json!({}));
        assert_eq!(scene.last_heard(call)["result"], json!({}));
    }
    scene.tells(UPDATED, &json!({"uri": "a:1"}));
    scene.tells(UPDATED, &json!({"uri": "b:/dir/file"}));
    scene.tells(UPDATED, &json!({"uri": "b:/directory"}));
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (1, 2));
    let call = scene.legacy_call("ann", &off);
    scene.request("resources/subscribe");
    assert_eq!(scene.last_heard(call)["result"], json!({}), "bob still listens, so the server does not hear of it");
    scene.tells(UPDATED, &json!({"uri": "a:1"}));
    assert_eq!((scene.heard(ann).len(), scene.heard(bob).len()), (1, 3));
    scene.channel.forget(&"bob");
    scene.settle();
    scene.request("resources/unsubscribe");
    scene.tells(UPDATED, &json!({"uri": "a:1"}));
    assert_eq!(scene.heard(bob).len(), 3);
}

#[test]
fn a_modern_subscription_at_a_modern_server_has_the_clients_own_id() {
    let mut scene = Scene::modern();
    let ann = scene.modern_call("ann", &listen("same", &json!({"toolsListChanged": true})));
    let anns = scene.last()["id"].clone();
    let bob = scene.modern_call("bob", &listen("same", &json!({"toolsListChanged": true})));
    let bobs = scene.last()["id"].clone();
    scene.tells(TOOLS, &json!({"_meta": {SUBSCRIPTION: anns, "x": 1}}));
    scene.tells(TOOLS, &json!({"_meta": {SUBSCRIPTION: 99}}));
    scene.tells(TOOLS, &json!({}));
    assert_eq!(scene.last_heard(ann)["params"], json!({"_meta": {SUBSCRIPTION: "same", "x": 1}}));
    assert_eq!(scene.heard(bob).len(), 0);
    scene.answers(&bobs, &json!({"resultType": "complete", "_meta": {SUBSCRIPTION: bobs}}));
    let end = json!({"resultType": "complete", "_meta": {SUBSCRIPTION: "same"}});
    assert_eq!(scene.last_heard(bob), json!({"jsonrpc": "2.0", "id": "same", "result": end}));
    scene.leaves(ann);
    assert_eq!(scene.request("notifications/cancelled")["params"]["requestId"], anns);
}

#[test]
fn legacy_clients_of_a_modern_server_share_one_subscription() {
    let mut scene = Scene::modern();
    let ann = scene.channel.stream("ann", &legacy_client()).unwrap();
    scene.settle();
    let first = scene.request("subscriptions/listen");
    assert_eq!(first["params"]["notifications"]["toolsListChanged"], true);
    scene.tells("notifications/subscriptions/acknowledged", &json!({"_meta": {SUBSCRIPTION: first["id"]}}));
    scene.tells(TOOLS, &json!({"_meta": {SUBSCRIPTION: first["id"]}}));
    assert_eq!(scene.heard(ann), [json!({"jsonrpc": "2.0", "method": TOOLS})]);
    let subscribe = json!({"id": 1, "method": "resources/subscribe", "params": {"uri": "a:1"}});
    let call = scene.legacy_call("ann", &subscribe);
    assert_eq!(scene.last_heard(call)["result"], json!({}));
    assert_eq!(scene.request("notifications/cancelled")["params"]["requestId"], first["id"]);
    let lines: Vec<_> = scene.written.iter().filter(|line| line.contains("subscriptions/listen")).collect();
    let second: Value = serde_json::from_str(lines[lines.len() - 1]).unwrap();
    assert_eq!(second["params"]["notifications"]["resourceSubscriptions"], json!(["a:1"]));
    scene.tells(UPDATED, &json!({"uri": "a:1", "_meta": {SUBSCRIPTION: second["id"]}}));
    assert_eq!(scene.last_heard(ann)["params"], json!({"uri": "a:1"}));
}

#[test]
fn a_stream_that_was_opened_before_the_handshake_hears_of_changes_too() {
    let mut scene = Scene::open(Options::default());
    let ann = scene.channel.stream("ann", &legacy_client()).unwrap();
    let discover = scene.request("server/discover");
    scene.answers(&discover["id"], &modern_server());
    let listen = scene.request("subscriptions/listen");
    scene.tells(TOOLS, &json!({"_meta": {SUBSCRIPTION: listen["id"]}}));
    assert_eq!(scene.heard(ann).len(), 1);
}
