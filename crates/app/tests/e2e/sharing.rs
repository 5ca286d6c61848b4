//! Whom a server may serve: several tenants at once only for a reason that stands in its document, and one by proof;
//! an instance of one tenant never another's.

use partywall_testkit::fixture::{Options, Received};
use serde_json::{Value, json};

use crate::http::Ask;
use crate::told::{all, assert_told, stderr};
use crate::world::{Fixture, World};

/// A tenant's document with this placement for a server.
fn tenant(name: &str, server: &str, placement: &str) -> String {
    let plan = if name == "acme" { "standard" } else { "enterprise" };
    format!(
        "[tenant.{name}]\nplan = \"{plan}\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
         servers.{server} = {{ placement = {placement}, tools = {{ allow = [\"*\"] }} }}\n"
    )
}

fn remote(url: &str) -> String {
    format!("{{ remote = \"{url}\" }}")
}

/// What stands: the revision, and the servers of each tenant.
fn standing(world: &World) -> Value {
    serde_json::from_slice(&world.run(&["tenant", "list", "--output", "json"]).stdout).unwrap()
}

/// The URL at which the demo's notes run.
fn notes_url(world: &World) -> String {
    let shown = world.run(&["tenant", "show", "acme", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let servers = shown["servers"].as_array().unwrap();
    let notes = servers.iter().find(|server| server["name"] == "notes").unwrap();
    notes["upstream"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_is_not_shared_without_a_reason() {
    let world = World::demo();
    let before = standing(&world);
    // The memory server keeps one graph for whoever asks: nothing in it knows tenants.
    for (case, server) in [
        ("without-url", "[server.memory]\n".to_owned()),
        ("with-url", "[server.memory]\nurl = \"http://127.0.0.1:9/mcp\"\n".to_owned()),
    ] {
        let both = [tenant("acme", "memory", "\"shared\""), tenant("globex", "memory", "\"shared\"")].join("\n");
        let refused = world.apply(&format!("{server}\n{both}"));
        assert_told(&format!("sharing-without-a-reason-{case}"), world.data(), &all(&refused));
        let by_plan = "[plan.standard.servers.memory]\nplacement = \"shared\"\ntools = { allow = [\"*\"] }\n";
        let refused = world.apply(&format!("{server}\n{by_plan}"));
        assert!(stderr(&refused).contains("server `memory` may not be shared"), "{}", stderr(&refused));
        assert_eq!(standing(&world), before, "something was stored");
    }
    let dry = world.run(&["apply", "--dry-run", "-f", world.data().join("applied-by-test.toml").to_str().unwrap()]);
    assert!(!dry.status.success(), "a dry run refuses what the apply refuses");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_verify_is_caught() {
    let fixture = Fixture::start(Options::default()).await;
    let world = World::demo();
    let before = standing(&world);
    let documents = fixture.documents().replace("\"stateless\"", "\"assertion\"");
    let refused = world.apply(&documents);
    assert_told("sharing-without-proof", world.data(), &all(&refused));
    assert_eq!(standing(&world), before, "something was stored");
    let questions = fixture.received.all();
    assert!(questions.iter().any(|question| question.header("authorization").is_none()), "it was not put to the proof");
}

#[test]
fn a_server_that_verifies_is_shared_and_under_its_own_name_alone() {
    let world = World::demo();
    let notes = notes_url(&world);
    let server = |name: &str, sharing: &str| format!("[server.{name}]\nurl = \"{notes}\"\nsharing = \"{sharing}\"\n");
    // Asked anew, because the reason is another than before.
    world.must_apply(&server("notes", "stateless"));
    world.must_apply(&server("notes", "assertion"));
    let before = standing(&world);
    let refused = world.apply(&server("others", "assertion"));
    assert_told("sharing-under-another-name", world.data(), &all(&refused));
    assert_eq!(standing(&world), before, "something was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_one_tenants() {
    let (one, other) = (Fixture::start(Options::default()).await, Fixture::start(Options::default()).await);
    let world = World::demo();
    let server = format!("[server.fixture]\nurl = \"{}\"\nsharing = \"stateless\"\n", one.url);
    let globex = tenant("globex", "fixture", &remote(&other.url));
    world.must_apply(&format!("{server}\n{}\n{globex}", tenant("acme", "fixture", "\"shared\"")));
    let before = standing(&world);
    let port = other.address.port();
    let (another, shared) = ("is already the instance of another tenant", "is no instance of one tenant");
    for (url, told) in [
        (other.url.clone(), another),
        (format!("http://localhost:{port}/mcp"), another),
        (one.url.clone(), shared),
        (notes_url(&world), shared),
    ] {
        let refused = world.apply(&tenant("acme", "fixture", &remote(&url)));
        assert_eq!(refused.status.code(), Some(1), "{url}");
        assert!(stderr(&refused).contains(told), "{url}: {}", stderr(&refused));
        assert_eq!(standing(&world), before, "{url}: something was stored");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_url_leads_each_tenant_to_its_own_instance() {
    let fixtures = [Fixture::start(Options::default()).await, Fixture::start(Options::default()).await];
    let [shared, own] = &fixtures;
    let world = World::demo();
    let server = format!("[server.fixture]\nurl = \"{}\"\nsharing = \"stateless\"\n", shared.url);
    let globex = tenant("globex", "fixture", &remote(&own.url));
    world.must_apply(&format!("{server}\n{}\n{globex}", tenant("acme", "fixture", "\"shared\"")));
    let url = world.url("fixture");
    let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
    for (token, reached, spared) in [(&ann, shared, own), (&gus, own, shared)] {
        fixtures.iter().for_each(|fixture| fixture.received.clear());
        let echo = json!({"name": "echo", "arguments": {"text": "hello"}});
        let modern = Ask::modern(&url, token, "tools/call", echo.clone()).send().await;
        assert_eq!(modern.status, 200, "{modern:?}");
        let session = Ask::initialize(&url, token).send().await.session();
        let legacy = Ask::legacy(&url, token, &session, "tools/call", echo).send().await;
        assert_eq!(legacy.status, 200, "{legacy:?}");
        assert_eq!((calls(&reached.received), calls(&spared.received)), (3, 0));
    }

    // A session stays where it was opened: when acme moves to an instance of its own, the old one is over.
    let session = Ask::initialize(&url, &ann).send().await.session();
    let moved = Fixture::start(Options::default()).await;
    world.must_apply(&tenant("acme", "fixture", &remote(&moved.url)));
    fixtures.iter().for_each(|fixture| fixture.received.clear());
    let over = Ask::legacy(&url, &ann, &session, "tools/list", json!({})).send().await;
    assert_eq!(over.status, 404, "{over:?}");
    let next = Ask::modern(&url, &ann, "tools/list", json!({})).send().await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!((calls(&moved.received), calls(&shared.received), calls(&own.received)), (1, 0, 0));
}

/// How many of tenants' messages arrived; the gateway's own questions are nobody's.
fn calls(received: &Received) -> usize {
    let of_a_tenant = |body: &[u8]| !body.is_empty() && !String::from_utf8_lossy(body).contains("partywall-probe");
    received.all().iter().filter(|request| of_a_tenant(&request.body)).count()
}
