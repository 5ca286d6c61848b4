//! What is answered while no instance runs: discovery and lists, from what the tenant's own instance said last.

use std::time::Duration;

use serde_json::{Value, json};

use super::boxed::Boxed;
use crate::http::{Answer, Ask};
use crate::legacy::Session;
use crate::scripted::until;
use crate::world::World;

async fn asks(world: &World, tenant: &str, method: &str, params: Value) -> Answer {
    let answer = Ask::modern(&world.url("boxed"), &world.token(tenant, "ann"), method, params).send().await;
    assert_eq!(answer.status, 200, "{method}: {answer:?}");
    answer
}

async fn tools(world: &World, tenant: &str) -> Vec<String> {
    let answer = asks(world, tenant, "tools/list", json!({})).await.json();
    let tools = answer["result"]["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn running(world: &World) -> Vec<Value> {
    let output = world.run(&["instance", "list", "--output", "json"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["instances"].as_array().unwrap().clone()
}

/// Stops every instance there is.
async fn all_stopped(world: &World) {
    for instance in running(world) {
        world.run(&["instance", "stop", instance["id"].as_str().unwrap()]);
    }
    until("all have ended", || running(world).is_empty().then_some(())).await;
}

/// So many were started so far; the log is written a moment later.
async fn started(world: &World, count: usize) {
    let ready = || world.log_lines("\"instance_ready\"").len();
    until("as many were started", || (ready() == count).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ready(), count, "and no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lists_and_discovery_are_answered_while_the_instance_is_cold() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("both").documents());
    let first = tools(&world, "acme").await;
    let discovered = asks(&world, "acme", "server/discover", json!({})).await.json();
    let token = world.token("acme", "ann");
    let session = Session::open(&world.url("boxed"), &token).await;
    started(&world, 1).await;
    all_stopped(&world).await;

    assert!(first.contains(&"echo".to_owned()), "{first:?}");
    assert_eq!(tools(&world, "acme").await, first);
    let again = asks(&world, "acme", "server/discover", json!({})).await.json();
    assert_eq!(again["result"], discovered["result"]);
    let later = Session::open(&world.url("boxed"), &token).await;
    assert!(running(&world).is_empty(), "nothing was started for it");
    started(&world, 1).await;
    for line in world.log_lines("\"tools/list\"") {
        assert_eq!(line["outcome"], "answered", "each is in the books: {line}");
    }

    // Who asks something else, or is somebody else, asks an instance.
    assert_eq!(tools(&world, "globex").await, first);
    // What one tenant's instance said is no answer for another.
    started(&world, 2).await;
    let tenants: Vec<_> = running(&world).iter().map(|one| one["tenant"].clone()).collect();
    assert_eq!(tenants, ["globex"]);
    for (number, session) in [session, later].iter().enumerate() {
        let answer = session.call(7, "echo", &json!({"text": "hello"})).send().await;
        assert_eq!(answer.status, 200, "session {number} goes on at a new instance: {answer:?}");
    }
    started(&world, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_said_is_not_repeated_once_it_may_be_otherwise() {
    let world = World::demo();
    let boxed = Boxed::fixture("both");
    world.must_apply(&boxed.documents());
    assert!(tools(&world, "acme").await.contains(&"echo".to_owned()));
    all_stopped(&world).await;

    // Other rules: the list of now, and not the one that was kept.
    let denied =
        boxed.documents().replace("tools = { allow = [\"*\"] }", "tools = { allow = [\"*\"], deny = [\"echo\"] }");
    world.must_apply(&denied);
    assert!(!tools(&world, "acme").await.contains(&"echo".to_owned()));
    all_stopped(&world).await;
    assert!(!tools(&world, "acme").await.contains(&"echo".to_owned()));
    assert!(running(&world).is_empty());

    // Another secret: what an instance with the old one said is gone.
    set_key(&world, "cold-key-first-7f3a91");
    world.must_apply(&boxed.with_command("env = { KEY = { secret = \"key\" } }").documents());
    tools(&world, "acme").await;
    all_stopped(&world).await;
    tools(&world, "acme").await;
    assert!(running(&world).is_empty());
    set_key(&world, "cold-key-second-b20c44");
    tools(&world, "acme").await;
    assert_eq!(running(&world).len(), 1, "an instance with the new secret is asked");
}

fn set_key(world: &World, value: &str) {
    for tenant in ["acme", "globex"] {
        world.must_set(tenant, "key", value);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_says_its_list_is_another_is_asked_for_it() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("legacy").documents());
    tools(&world, "acme").await;
    let session = Session::open(&world.url("boxed"), &world.token("acme", "ann")).await;
    let answer = session.call(3, "test_trigger_tool_change", &json!({})).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    all_stopped(&world).await;
    tools(&world, "acme").await;
    assert_eq!(running(&world).len(), 1, "the list is asked anew");
}
