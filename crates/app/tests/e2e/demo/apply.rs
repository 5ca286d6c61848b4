//! `apply`: every mistake of every file in one go, and what is applied holds from the next call.

use std::process::Output;

use serde_json::json;

use crate::http::{Answer, Ask};
use crate::process::partywall;
use crate::told::{all, assert_told, stderr};
use crate::world::World;

/// A tenant's document, as the demo has it, with more lines.
fn acme(more: &str) -> String {
    format!(
        "[tenant.acme]\nplan = \"standard\"\nidentities = [{{ issuer = \"development\", value = \"acme\" }}]\n{more}\n"
    )
}

async fn list(world: &World, token: &str) -> Answer {
    Ask::modern(&world.url("notes"), token, "tools/call", json!({"name": "list", "arguments": {}})).send().await
}

#[test]
fn every_mistake_of_every_file_is_told_at_once() {
    let world = World::demo();
    let before = world.run(&["tenant", "list", "--output", "json"]).stdout;
    // What cannot be read is told first: documents that refer to it would be blamed for nothing.
    let refused = apply_folder(
        &world,
        &[
            ("a-cut-off.toml", "version = 1\n[tenant.acme\nplan = \"standard\"\n"),
            ("b-cut-off.yaml", "version: 1\ntenant: [\n"),
            ("c-cut-off.json", "{\"version\": 1, \"tenant\": {"),
            ("d-good.toml", "version = 1\n[plan.free]\n"),
        ],
    );
    assert_told("apply-mistakes-of-syntax", world.data(), &all(&refused));
    let refused = apply_folder(
        &world,
        &[
            (
                "a-plans.toml",
                "version = 1\n[plan.free]\nlimits = { calls_per_second = 0, calls_burts = 5 }\n\
                 [plan.free.servers.notes]\nplacement = \"everywhere\"\ntools = { allow = [\"add\", 7] }\n",
            ),
            (
                "b-tenants.yaml",
                "version: 1\ntenant:\n  umbrella:\n    plan: none\n    identities:\n      - issuer: corporate\n  \
                 Initech:\n    plan: standard\n  hooli:\n    plan: standard\n    identities:\n      \
                 - issuer: development\n        value: acme\n",
            ),
            (
                "c-servers.json",
                "{\n  \"version\": 1,\n  \"server\": {\n    \"files\": {\"url\": \"http://files.example.com/mcp\"},\n    \
                 \"mail\": {\"url\": \"mail\", \"sharing\": \"trust\", \"auth\": \"basic\"}\n  },\n  \"servers\": {}\n}\n",
            ),
            ("d-older.toml", "version = 0\n[plan.older]\n"),
        ],
    );
    assert_told("apply-mistakes", world.data(), &all(&refused));
    assert_eq!(world.run(&["tenant", "list", "--output", "json"]).stdout, before, "something was stored");
    assert_told("apply-no-documents", world.data(), &all(&apply_folder(&world, &[])));
}

/// Applies a folder with these files and no others.
fn apply_folder(world: &World, files: &[(&str, &str)]) -> Output {
    let folder = world.data().join("documents");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    partywall(&["apply", "--data", world.data().to_str().unwrap(), "-f", folder.to_str().unwrap()])
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_would_change() {
    let world = World::demo();
    let path = world.data().join("documents.toml");
    std::fs::write(&path, format!("version = 1\n{}[plan.free]\n", acme("suspended = true"))).unwrap();
    let path = path.to_str().unwrap();
    assert_told("apply-dry-run", world.data(), &all(&world.run(&["apply", "--dry-run", "-f", path])));
    assert_eq!(list(&world, &world.token("acme", "ann")).await.status, 200);
    let reason = ["apply", "--reason", "they did not pay", "-f", path];
    assert_told("apply-done", world.data(), &all(&world.run(&reason)));
    assert_told("apply-again", world.data(), &all(&world.run(&reason)));
    assert_eq!(list(&world, &world.token("acme", "ann")).await.status, 403);
}

#[tokio::test]
async fn the_way_back_is_a_revision_like_any_other() {
    let world = World::demo();
    let path = world.data().join("documents.toml");
    std::fs::write(&path, format!("version = 1\n{}[plan.free]\n", acme("suspended = true"))).unwrap();
    assert!(world.run(&["apply", "-f", path.to_str().unwrap(), "--reason", "they did not pay"]).status.success());
    let rows: [(&str, &[&str]); 6] = [
        ("config-diff", &["config", "diff"]),
        ("config-rollback-dry-run", &["config", "rollback", "1", "--dry-run"]),
        ("config-rollback", &["config", "rollback", "1", "--reason", "they paid"]),
        ("config-history", &["config", "history"]),
        ("config-history-of-one", &["config", "history", "tenant.acme", "--output", "json"]),
        ("config-rollback-to-nowhere", &["config", "rollback", "9"]),
    ];
    for (snapshot, command) in rows {
        assert_told(snapshot, world.data(), &all(&world.run(command)));
    }
    assert_eq!(list(&world, &world.token("acme", "ann")).await.status, 200);
}

#[tokio::test]
async fn a_suspended_tenant_is_refused_from_the_next_call_and_let_in_again() {
    let world = World::demo();
    let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
    let session = Ask::initialize(&world.url("notes"), &ann).send().await.session();
    let in_session = || Ask::legacy(&world.url("notes"), &ann, &session, "tools/list", json!({}));
    assert_eq!(in_session().send().await.status, 200);

    world.must_apply(&acme("suspended = true"));
    let refused = list(&world, &ann).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(40_300)), "{refused:?}");
    assert_eq!(refused.header("www-authenticate"), None, "more scopes would not help");
    assert_eq!(in_session().send().await.status, 403);
    assert_eq!(list(&world, &gus).await.status, 200, "globex is not suspended");

    world.must_apply(&acme("suspended = false"));
    assert_eq!(list(&world, &ann).await.status, 200);
    assert_eq!(in_session().send().await.status, 200, "the session was not over");
}

#[tokio::test]
async fn a_tool_that_is_taken_away_is_gone_from_the_next_call() {
    let world = World::demo();
    let ann = world.token("acme", "ann");
    let url = world.url("notes");
    let add = || Ask::modern(&url, &ann, "tools/call", json!({"name": "add", "arguments": {"text": "one"}}));
    assert_eq!(add().send().await.code(), None);
    world.must_apply(&acme("servers.notes = { tools = { allow = [\"list\"] } }"));
    assert_eq!(add().send().await.code(), Some(-32_602));
    let tools = Ask::modern(&url, &ann, "tools/list", json!({})).send().await.json();
    let names: Vec<_> = tools["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["list"]);
    let globex = Ask::modern(&url, &world.token("globex", "gus"), "tools/list", json!({})).send().await.json();
    assert_eq!(globex["result"]["tools"].as_array().map(Vec::len), Some(4), "globex has what it had");
    world.must_apply(&acme(""));
    assert_eq!(add().send().await.code(), None);
}

#[tokio::test]
async fn a_lower_limit_holds_from_the_next_call_and_for_its_tenant_alone() {
    let world = World::demo();
    let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
    world.must_apply(&acme("limits = { calls_per_second = 1, calls_burst = 1, calls_in_flight_max = 100 }"));
    let at_once = |token: &str| {
        let calls = std::iter::repeat_with(|| {
            let ask = Ask::modern(&world.url("notes"), token, "tools/call", json!({"name": "list", "arguments": {}}));
            tokio::spawn(async move { ask.send().await })
        });
        calls.take(20).collect::<Vec<_>>()
    };
    let mut limited = 0;
    for call in at_once(&ann) {
        let answer = call.await.unwrap();
        if answer.status == 429 {
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(seconds >= 1, "{answer:?}");
            let told = answer.json().pointer("/error/message").cloned();
            assert_eq!(told, Some(json!("too many calls; try again later")), "{answer:?}");
            limited += 1;
        }
    }
    assert!(limited > 0, "twenty calls at once went through");
    for call in at_once(&gus) {
        assert_eq!(call.await.unwrap().status, 200, "globex felt the limit of acme");
    }
}

#[test]
fn a_plan_cannot_be_taken_from_under_its_tenants() {
    let world = World::demo();
    let refused = world.apply("[tenant.acme]\nplan = \"gone\"\n");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("no plan `gone`; apply a document `plan.gone` with it"), "{}", stderr(&refused));
}
