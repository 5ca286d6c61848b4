//! `/metrics`: what happened is counted, once, for whom it happened; nobody's words become labels.

use partywall_testkit::fixture::Options;
use serde_json::json;

use super::Figures;
use crate::http::Ask;
use crate::scripted::{Scripted, soon};
use crate::world::{Fixture, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_figures_say_what_happened() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    let (acme, globex) = (world.token("acme", "ann"), world.token("globex", "gus"));
    let url = world.url("fixture");
    let call = |token: &str| Ask::modern(&url, token, "tools/call", json!({"name": "echo", "arguments": {"a": "b"}}));
    for _ in 0..3 {
        assert_eq!(call(&acme).send().await.status, 200);
    }
    assert_eq!(call(&globex).send().await.status, 200);
    assert_eq!(call(&acme).at(&world.url("nobodys")).send().await.status, 404);
    assert_eq!(call(&acme).without("authorization").send().await.status, 401);

    // A call settles when its answer has ended, which its client may see a moment before.
    let figures = until_counted(&world, "acme", 3.0).await;
    assert_eq!((figures.calls("acme", "answered"), figures.calls("acme", "refused")), (3.0, 1.0));
    assert_eq!((figures.calls("globex", "answered"), figures.calls("other", "answered")), (1.0, 0.0));
    for (series, value) in [
        ("partywall_refusals_total{code=\"unknown_server\"}", 1.0),
        ("partywall_refusals_total{code=\"no_token\"}", 1.0),
        ("partywall_strangers_total{booked=\"yes\"}", 1.0),
        ("partywall_call_duration_seconds_count{part=\"own\"}", 4.0),
        ("partywall_call_duration_seconds_count{part=\"upstream\"}", 4.0),
        ("partywall_call_duration_seconds_bucket{le=\"+Inf\",part=\"upstream\"}", 4.0),
        ("partywall_calls_in_flight{tenant=\"acme\"}", 0.0),
        ("partywall_journal_entries_lost_total", 0.0),
        ("partywall_log_lines_dropped_total", 0.0),
        ("partywall_store_reachable", 1.0),
        ("partywall_ready", 1.0),
        ("partywall_tenants_active", 2.0),
    ] {
        assert!((figures.get(series) - value).abs() < f64::EPSILON, "{series}: {} is not {value}", figures.get(series));
    }
    let revision = figures.get("partywall_revision_enforced");
    assert!(revision >= 1.0 && (revision - figures.get("partywall_revision_standing")).abs() < f64::EPSILON);
    for series in [
        "partywall_request_bytes_total{tenant=\"acme\"}",
        "partywall_response_bytes_total{tenant=\"acme\"}",
        "partywall_call_time_seconds_total{tenant=\"acme\",part=\"own\"}",
        "partywall_call_time_seconds_total{tenant=\"acme\",part=\"upstream\"}",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(figures.get(series) > 0.0, "{series}");
    }
}

async fn until_counted(world: &World, tenant: &str, answered: f64) -> Figures {
    soon("the calls are counted", async {
        loop {
            let figures = Figures::of(world).await;
            if figures.calls(tenant, "answered") >= answered {
                return figures;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_open_now_is_seen_while_it_is() {
    let mut upstream = Scripted::start().await;
    let world = World::demo();
    world.must_apply(&upstream.documents("", ""));
    let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
    let slow = Ask::modern(&url, &token, "tools/call", json!({"name": "any"}));
    let slow = tokio::spawn(async move { slow.send().await });
    let asked = upstream.asked().await;
    let in_flight = "partywall_calls_in_flight{tenant=\"acme\"}";
    assert!((Figures::of(&world).await.get(in_flight) - 1.0).abs() < f64::EPSILON);
    let top = world.run(&["top", "--once", "--seconds", "0.1", "--output", "json"]);
    let top: serde_json::Value = serde_json::from_slice(&top.stdout).unwrap();
    let busiest = (&top["tenants"][0]["tenant"], &top["tenants"][0]["calls_in_flight"]);
    assert_eq!(busiest, (&json!("acme"), &json!(1)), "{top}");
    asked.done();
    assert_eq!(slow.await.unwrap().status, 200);
    soon("the place is given back", async { while Figures::of(&world).await.get(in_flight) > 0.0 {} }).await;
    let table = String::from_utf8(world.run(&["top", "--once", "--seconds", "0.05"]).stdout).unwrap();
    assert!(table.starts_with("TENANT ") && table.contains("(1 tenants)"), "{table}");
}

/// An attacker with a valid token chooses tool names, subjects, servers, methods, headers. None of it is in the figures,
/// and none of it makes a series.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobodys_words_become_labels() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    let token = world.token("acme", "intruder-subject");
    let url = world.url("fixture");
    let one = Ask::modern(&url, &token, "tools/call", json!({"name": "echo", "arguments": {}}));
    assert_eq!(one.send().await.status, 200);
    let before = until_counted(&world, "acme", 1.0).await;
    for number in 0..40 {
        let name = format!("intruder{number}\"}} 1\npartywall_calls_total{{tenant=\"globex");
        let ask = Ask::modern(&url, &token, "tools/call", json!({"name": name})).without("mcp-name");
        ask.send().await;
        Ask::modern(&world.url(&format!("intruder-{number}")), &token, "tools/list", json!({})).send().await;
        Ask::modern(&url, &token, &format!("intruder/{number}"), json!({})).send().await;
        Ask::modern(&url, "intruder.token.x", "tools/list", json!({})).header("user-agent", "intruder").send().await;
        Ask::modern(&format!("{}/intruder/{number}", world.public), &token, "tools/list", json!({})).send().await;
    }
    // Not all of them are written down, and all are counted.
    let after = soon("all of them are counted", async {
        loop {
            let figures = Figures::of(&world).await;
            if figures.calls("acme", "refused") >= 120.0 {
                return figures;
            }
        }
    })
    .await;
    let keys = |figures: &Figures| figures.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&before), keys(&after), "no series came");
    assert!(!keys(&after).concat().contains("intruder"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn however_many_tenants_call_few_are_named() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    // One of them has the name that all others share.
    let names: Vec<_> = (0..24).map(|number| format!("house-{number}")).chain(["other".to_owned()]).collect();
    let tenant = |name: &String| {
        format!(
            "[tenant.{name}]\nplan = \"standard\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
             servers.fixture = {{ placement = \"shared\", tools = {{ allow = [\"*\"] }} }}\n"
        )
    };
    let tenants: String = names.iter().map(tenant).collect();
    world.must_apply(&format!("[server.fixture]\nurl = \"{}\"\nsharing = \"stateless\"\n{tenants}", fixture.url));
    let url = world.url("fixture");
    for (number, name) in names.iter().enumerate() {
        let token = world.token(name, "ann");
        // The last ones are the busiest.
        for _ in 0..=usize::from(number >= 12) {
            let ask = Ask::modern(&url, &token, "tools/call", json!({"name": "echo", "arguments": {}}));
            assert_eq!(ask.send().await.status, 200);
        }
    }
    let figures = soon("all calls are counted", async {
        loop {
            let figures = Figures::of(&world).await;
            let answered: f64 = figures.tenants().iter().map(|tenant| figures.calls(tenant, "answered")).sum();
            if answered >= 38.0 {
                assert!((answered - 38.0).abs() < f64::EPSILON, "each call is counted once: {figures:#?}");
                return figures;
            }
        }
    })
    .await;
    let tenants = figures.tenants();
    assert!((20..=21).contains(&tenants.len()), "{tenants:?}");
    assert!(tenants.contains(&"other") && tenants.contains(&"house-23"), "{tenants:?}");
    assert!((figures.get("partywall_tenants_active") - 25.0).abs() < f64::EPSILON);
}
