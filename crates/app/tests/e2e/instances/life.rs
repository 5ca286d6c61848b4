//! What operators see and do: instances are listed and stopped, what they say is kept, what cannot be had is refused.

use std::path::Path;

use serde_json::{Value, json};

use super::boxed::Boxed;
use crate::http::Ask;
use crate::legacy::Session;
use crate::process::partywall;
use crate::scripted::until;
use crate::world::{PARTYWALL, World};

/// A call of `echo`.
async fn echo(world: &World, tenant: &str, subject: &str) -> crate::http::Answer {
    let token = world.token(tenant, subject);
    let params = json!({"name": "echo", "arguments": {"text": "hi"}});
    Ask::modern(&world.url("boxed"), &token, "tools/call", params).send().await
}

fn listed(world: &World) -> Vec<Value> {
    let output = world.run(&["instance", "list", "--output", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    found["instances"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_operator_lists_looks_at_and_stops_instances() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("both").documents());
    assert!(listed(&world).is_empty(), "nothing runs that nobody called");
    for tenant in ["acme", "globex"] {
        assert_eq!(echo(&world, tenant, "ann").await.status, 200);
    }
    let all = listed(&world);
    let tenants: Vec<_> = all.iter().map(|one| one["tenant"].as_str().unwrap()).collect();
    assert_eq!(tenants, ["acme", "globex"], "{all:?}");
    let id = all[0]["id"].as_str().unwrap();
    let shown = world.run(&["instance", "show", id]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for word in ["acme", "boxed", "process", "namespaces", "seccomp"] {
        assert!(shown.contains(word), "`{word}` in {shown}");
    }
    let stopped = world.run(&["instance", "stop", id]);
    assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    until("it has ended", || (!listed(&world).iter().any(|one| one["id"] == id)).then_some(())).await;
    assert_eq!(echo(&world, "acme", "ann").await.status, 200, "the next call starts another");
    let again = listed(&world);
    assert!(again.len() == 2 && again.iter().all(|one| one["id"] != id), "{again:?}");
    let none = world.run(&["instance", "stop", "nothing"]);
    let told = String::from_utf8(none.stderr).unwrap();
    assert!(!none.status.success() && told.contains("no instance `nothing`"), "{told}");
}

/// What the node says that instances of a tenant used.
async fn used(world: &World, tenant: &str, what: &str) -> f64 {
    let operator = std::fs::read_to_string(world.data().join("operator.token")).unwrap();
    let ask = Ask::new(http::Method::GET, &format!("{}/metrics", world.admin));
    let page = ask.header("authorization", &format!("Bearer {}", operator.trim())).send().await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    let line = format!("partywall_instance_{what}_total{{tenant=\"{tenant}\"}} ");
    page.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or("0").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_instances_used_is_counted_for_their_tenant() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("both").documents());
    assert_eq!(echo(&world, "acme", "ann").await.status, 200);
    let id = listed(&world)[0]["id"].as_str().unwrap().to_owned();
    assert!(world.run(&["instance", "stop", &id]).status.success());
    until("it has ended", || listed(&world).is_empty().then_some(())).await;
    assert!((used(&world, "acme", "starts").await - 1.0).abs() < 0.5);
    for what in ["cpu_seconds", "seconds", "memory_byte_seconds"] {
        assert!(used(&world, "acme", what).await > 0.0, "{what}");
        assert!(used(&world, "globex", what).await <= 0.0, "{what}");
    }
}

/// Everything that the journal has of instances, of one tenant.
fn booked(world: &World, tenant: &str) -> Vec<Value> {
    let told = world.run(&["logs", "--event", "instance", "--tenant", tenant, "--lines", "1000", "--output", "json"]);
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_journal_has_all_that_instances_used() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("both").documents());
    for _ in 0..2 {
        assert_eq!(echo(&world, "acme", "ann").await.status, 200);
        let instance = listed(&world)[0]["id"].as_str().unwrap().to_owned();
        assert!(world.run(&["instance", "stop", &instance]).status.success());
        until("it has ended", || listed(&world).is_empty().then_some(())).await;
    }
    let entries = until("all is written", || Some(booked(&world, "acme")).filter(|entries| entries.len() == 4)).await;
    let sum = |what: &str| entries.iter().map(|entry| entry["used"][what].as_f64().unwrap()).sum::<f64>();
    let same = |counted: f64, written: f64| (counted - written).abs() <= counted.abs() * 1e-6;
    assert!(same(used(&world, "acme", "starts").await, sum("starts")) && same(sum("starts"), 2.0), "{entries:?}");
    for (metric, field, unit) in
        [("cpu_seconds", "cpu_us", 1e6), ("seconds", "lived_us", 1e6), ("memory_byte_seconds", "memory_byte_s", 1.0)]
    {
        let counted = used(&world, "acme", metric).await;
        assert!(counted > 0.0 && same(counted, sum(field) / unit), "{metric}: {counted}, {entries:?}");
    }
    let ends: Vec<_> = entries.iter().filter_map(|entry| entry["cause"].as_str()).collect();
    assert_eq!(ends.len(), 2, "{entries:?}");
    assert!(entries.iter().all(|entry| entry["server"] == "boxed" && entry["instance"].is_string()), "{entries:?}");
    assert!(booked(&world, "globex").is_empty(), "nobody else's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_is_cut_off_by_a_limit_is_told_which() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("both").with_command("limits = { memory_bytes = 100663296 }").documents());
    let take = |mib: u64| {
        let params = json!({"name": "take_memory", "arguments": {"mib": mib}});
        Ask::modern(&world.url("boxed"), &world.token("acme", "ann"), "tools/call", params)
    };
    assert_eq!(take(1).send().await.status, 200);
    let answer = take(4096).send().await;
    assert_eq!(answer.status, 502, "{answer:?}");
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(told, "the server took too much memory");
    let line = until("the refusal is logged", || world.log_lines("instance_out_of_memory").pop()).await;
    assert!(line["cause"].as_str().unwrap().contains("took more memory than its limit"), "{line}");
    let said = world.run(&["instance", "logs", "boxed", "--tenant", "acme"]);
    assert!(String::from_utf8(said.stdout).unwrap().contains("(took more memory than its limit)"));
    assert_eq!(take(1).send().await.status, 200, "the next call starts another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_keeps_dying_is_refused_and_its_words_are_kept() {
    let world = World::demo();
    let mut boxed = Boxed::fixture("both");
    boxed.run = ["/bin/sh", "-c", "echo the licence is missing >&2; exit 3"].map(str::to_owned).to_vec();
    world.must_apply(&boxed.documents());
    let answer = echo(&world, "acme", "ann").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, Some(50_300)), "{answer:?}");
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(told, "the server does not start; its operator knows why", "the cause is not the caller's");
    let line = until("the refusal is logged", || world.log_lines("instance_down").pop()).await;
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.contains("exited with code 3; it said last: the licence is missing"), "{cause}");
    let logs = world.run(&["instance", "logs", "boxed", "--tenant", "acme"]);
    let logs = String::from_utf8(logs.stdout).unwrap();
    assert!(logs.contains("the licence is missing") && logs.contains("(exited with code 3)"), "{logs}");
    let others = world.run(&["instance", "logs", "boxed", "--tenant", "globex"]);
    assert!(others.stdout.is_empty(), "{}", String::from_utf8_lossy(&others.stdout));
    for line in world.log_lines("instance_said") {
        assert!(line["tenant_id"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_had_here_is_refused_at_write_by_name() {
    let world = World::demo();
    let boxed = Boxed::fixture("both");
    let documents = boxed.documents();
    let grants = "servers.boxed = {";
    let requires = |what: &str| documents.replacen(grants, &format!("require = {{ {what} }}\n{grants}"), 1);
    let below = "`process` is below the `microvm` that is required here";
    let rows = [
        (boxed.documents_for("\"microvm\""), "tenant.acme.servers.boxed.placement: tier `microvm` cannot be had here"),
        (requires("isolation = \"microvm\""), below),
        (requires("holds = [\"volume\"]"), "tier `process` does not hold `volume` on this host"),
        (requires("holds = [\"gold\"]"), "`gold` is nothing a tier enforces"),
        (boxed.documents_for("\"shared\""), "server `boxed` may not be shared"),
        (
            requires("isolation = \"process\"") + "\n[tenant.acme.servers.notes]\nplacement = \"shared\"\n",
            "`shared` is below the `process` that is required here",
        ),
        (
            Boxed::fixture("both")
                .with_server("instance_per = \"all\"\nsharing = \"stateless\"")
                .with_command("asks = [\"sampling\"]")
                .documents(),
            "one tenant would wait for another's people",
        ),
        (
            boxed.documents().replace("[server.boxed]", "[server.boxed]\ninstance_per = \"all\""),
            "needs `sharing = \"stateless\"`",
        ),
    ];
    for (documents, told) in rows {
        let output = world.apply(&documents);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(told), "`{told}` in {said}");
    }
    assert!(world.apply(&requires("holds = [\"namespaces\", \"seccomp\"]")).status.success());
    assert_eq!(echo(&world, "acme", "ann").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_command_replaces_the_instance_and_ends_no_call() {
    let world = World::demo();
    world.must_apply(&Boxed::fixture("both").documents());
    let session = Session::open(&world.url("boxed"), &world.token("acme", "ann")).await;
    let slow = session.call(1, "sleep", &json!({"ms": 1500}));
    let slow = tokio::spawn(async move { slow.send().await });
    until("the call is in", || listed(&world).iter().any(|one| one["calls"] == 1).then_some(())).await;
    world.must_apply(&Boxed::fixture("both").with_command("env = { A = \"b\" }").documents());
    assert_eq!(session.call(2, "echo", &json!({})).send().await.status, 200);
    assert_eq!(slow.await.unwrap().status, 200, "a call in flight goes on at the one it began at");
    until("two were started", || (world.log_lines("instance_ready").len() == 2).then_some(())).await;
    until("the old one is gone", || (listed(&world).len() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_demo_starts_the_users_own_server_for_each_of_its_tenants() {
    let program = Path::new(PARTYWALL).with_file_name("fixture");
    let world = World::demo_with(&["--", program.to_str().unwrap(), "--stdio"]);
    for tenant in ["acme", "globex"] {
        let token = world.token(tenant, "ann");
        let params = json!({"name": "echo", "arguments": {"tenant": tenant}});
        let answer = Ask::modern(&world.url("server"), &token, "tools/call", params).send().await;
        let text = answer.json()["result"]["content"][0]["text"].as_str().unwrap().to_owned();
        assert_eq!(text, json!({"tenant": tenant}).to_string());
    }
    let tenants: Vec<_> = listed(&world).iter().map(|one| one["tenant"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tenants, ["acme", "globex"]);
}

#[test]
fn what_the_demo_cannot_start_it_says_before_anything_else() {
    let folder = tempfile::TempDir::new().unwrap();
    let output = partywall(&["demo", "--data", folder.path().to_str().unwrap(), "--", "no-such-program-anywhere"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("is no program on this machine"), "{told}");
}
