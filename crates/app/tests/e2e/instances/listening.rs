//! Servers that listen on a socket of their own box: an upstream over HTTP that is one tenant's alone.

use std::path::Path;

use serde_json::{Value, json};

use super::boxed::Boxed;
use crate::http::{Answer, Ask};
use crate::legacy::Session;
use crate::scripted::until;
use crate::world::{PARTYWALL, World};

/// Where a server in a box listens.
const SOCKET: &str = "/run/partywall/socket";

fn listening() -> Boxed {
    let program = Path::new(PARTYWALL).with_file_name("fixture");
    let boxed = Boxed::running("boxed", &program, &["--unix", SOCKET]).with_root(program.parent().unwrap());
    boxed.with_command("transport = \"unix\"")
}

fn ask(world: &World, tenant: &str, tool: &str, arguments: &Value) -> Ask {
    let params = json!({"name": tool, "arguments": arguments});
    Ask::modern(&world.url("boxed"), &world.token(tenant, "ann"), "tools/call", params)
}

async fn echo(world: &World, tenant: &str) -> Answer {
    ask(world, tenant, "echo", &json!({"text": tenant})).send().await
}

fn running(world: &World) -> Vec<Value> {
    let output = world.run(&["instance", "list", "--output", "json"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["instances"].as_array().unwrap().clone()
}

fn stop(world: &World, instance: &Value) {
    assert!(world.run(&["instance", "stop", instance["id"].as_str().unwrap()]).status.success());
}

async fn is_cold(world: &World) {
    until("nothing runs", || running(world).is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_of_both_eras_are_served_by_their_tenants_own_server_over_its_socket() {
    let world = World::demo();
    world.must_apply(&listening().documents());
    for tenant in ["acme", "globex"] {
        let answer = echo(&world, tenant).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(String::from_utf8_lossy(&answer.body).contains(tenant), "{answer:?}");
    }
    let all = running(&world);
    let tenants: Vec<_> = all.iter().map(|one| one["tenant"].as_str().unwrap()).collect();
    assert_eq!(tenants, ["acme", "globex"], "{all:?}");
    let discovered = Ask::modern(&world.url("boxed"), &world.token("acme", "ann"), "server/discover", json!({}));
    assert!(discovered.send().await.json()["result"]["supportedVersions"].is_array());

    // A session at one's own server is nobody else's, and over when that is.
    let session = Session::open(&world.url("boxed"), &world.token("acme", "ann")).await;
    assert_eq!(session.call(1, "echo", &json!({})).send().await.status, 200);
    for (tenant, subject) in [("globex", "ann"), ("acme", "bob")] {
        let stolen = session.with_token(&world.token(tenant, subject)).call(2, "echo", &json!({})).send().await;
        assert_eq!(stolen.status, 404, "{stolen:?}");
    }
    stop(&world, &all[0]);
    until("it has ended", || (running(&world).len() == 1).then_some(())).await;
    assert_eq!(session.call(3, "echo", &json!({})).send().await.status, 404);
    assert_eq!(running(&world).len(), 1, "nothing is started for a session that is over");
    assert_eq!(echo(&world, "acme").await.status, 200);
    assert_eq!(session.call(4, "echo", &json!({})).send().await.status, 404, "another server never heard of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_holds_the_server_and_a_server_that_dies_is_another_afterwards() {
    let world = World::demo();
    world.must_apply(&listening().with_command("limits = { memory_bytes = 100663296 }").documents());
    assert_eq!(echo(&world, "acme").await.status, 200);
    let first = running(&world)[0].clone();
    let sleeping = ask(&world, "acme", "sleep", &json!({"ms": 1500}));
    let long = tokio::spawn(async move { sleeping.send().await });
    until("the call is there", || (running(&world)[0]["calls"] == 1).then_some(())).await;
    stop(&world, &first);
    let answer = long.await.unwrap();
    assert_eq!(answer.status, 200, "it is stopped when its calls are done: {answer:?}");
    is_cold(&world).await;

    let answer = ask(&world, "acme", "take_memory", &json!({"mib": 4096})).send().await;
    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(echo(&world, "acme").await.status, 200);
    assert!(running(&world).iter().all(|one| one["id"] != first["id"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_does_not_listen_is_refused_and_told() {
    let world = World::demo();
    let mut boxed = listening().with_command("life = { start_timeout_s = 1 }");
    for (script, told) in [
        ("exec sleep 100", "did not answer within `start_timeout_s`"),
        // In that directory a box can make sockets and nothing else.
        ("echo x > /run/partywall/socket; ln -s /run/elsewhere /run/partywall/socket; exit 1", "exited with code 1"),
    ] {
        boxed.run = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        world.must_apply(&boxed.documents());
        let answer = echo(&world, "acme").await;
        assert_eq!((answer.status.as_u16(), answer.code()), (503, Some(50_300)), "{answer:?}");
        let cause =
            || world.log_lines("\"instance_down\"").last().and_then(|line| line["cause"].as_str().map(str::to_owned));
        until(told, || cause().filter(|cause| cause.contains(told))).await;
    }
    let refused = world.apply(&listening().with_server("instance_per = \"session\"").documents());
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && told.contains("has sessions of its own"), "{told}");
    let stray = "[server.stray]\nurl = \"unix:/run/other/socket\"\nsharing = \"stateless\"\n";
    let refused = world.apply(stray);
    assert!(!refused.status.success(), "a document names no socket of this machine");
}
