//! The configuration changes while calls are under way: what is written holds at once and whole, nobody else notices, and
//! what does not fit holds nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use partywall_documents::{Change, Document, Kind};
use partywall_domain::Revision;
use partywall_identity::{Operator, OperatorKey};
use partywall_store::Store;
use partywall_testkit::fixture::{Options, Request};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::http::{Ask, OneConnection};
use crate::scripted::{Events, until};
use crate::told::stderr;
use crate::world::{Fixture, World};

/// How many changes are made under load, if `PARTYWALL_TEST_CHANGES` does not say: enough to meet calls in every state.
const CHANGES_USUAL: u64 = 50;

/// Two instances of acme's own, and what it may call on each. A change exchanges both at once.
struct Sides([(Fixture, &'static str); 2]);

impl Sides {
    /// A document under which only `tool` is called, and only at its instance.
    fn document(&self, side: usize) -> String {
        let (fixture, tool) = &self.0[side];
        format!(
            "version = 1\n[tenant.acme]\nplan = \"standard\"\n\
             identities = [{{ issuer = \"development\", value = \"acme\" }}]\n\
             servers.pair = {{ placement = {{ remote = \"{}\" }}, tools = {{ allow = [\"{tool}\"] }} }}\n\
             limits = {{ calls_per_second = 100000, calls_burst = 100000, calls_in_flight_max = 1000 }}\n",
            fixture.url
        )
    }

    /// Every call that arrived since this was last asked was for the tool of this instance, and admitted under a revision that says so.
    fn hold(&self, first: u64) {
        for (side, (fixture, tool)) in (0..).zip(&self.0) {
            for call in fixture.received.take().iter().filter(|call| call.header("mcp-method") == Some("tools/call")) {
                assert_eq!(call.header("mcp-name"), Some(*tool), "a call went to the instance of another revision");
                assert_eq!((revision_of(call) - first) % 2, side, "a call was made under two revisions");
            }
        }
    }
}

/// The revision that the assertion says the call was admitted under.
fn revision_of(call: &Request) -> u64 {
    let assertion = call.header("authorization").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["revision"].as_u64().unwrap()
}

fn call(world: &World, server: &str, token: &str, tool: &str) -> Ask {
    Ask::modern(&world.url(server), token, "tools/call", json!({"name": tool, "arguments": {}}))
}

/// Somebody who keeps calling on one connection, and says in the end how many calls were let through and how many refused.
fn caller(world: &World, asks: Vec<Ask>, stop: &Arc<AtomicBool>) -> JoinHandle<(u64, u64)> {
    let (address, stop) = (world.public.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut connection = OneConnection::to(&address).await;
        let (mut through, mut refused) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            for ask in &asks {
                let answer = connection.send(ask).await;
                match answer.code() {
                    None => through += 1,
                    Some(-32_602) => refused += 1,
                    Some(_) => panic!("{answer:?}"),
                }
                assert!(answer.code().is_some() || answer.status == 200, "{answer:?}");
            }
        }
        (through, refused)
    })
}

fn percentile(times: &mut [Duration], of: usize) -> Duration {
    times.sort();
    times[(times.len() * of / 100).min(times.len() - 1)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_holds_whole_and_at_once_and_touches_nobody_else() {
    let options = || Options { json: true, ..Options::default() };
    let shared = Fixture::start(Options::default()).await;
    let sides = [(Fixture::start(options()).await, "echo"), (Fixture::start(options()).await, "test_simple_text")];
    let sides = Sides(sides);
    let world = World::demo();
    world.must_apply(&format!("{}\n[server.pair]\n", shared.documents()));
    let admin = Admin::of(&world);
    let mut connection = OneConnection::to(&world.admin).await;
    let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
    let first = admin.apply(&mut connection, &sides.document(0)).await.0;

    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let stream = Ask::modern(&world.url("fixture"), &gus, "subscriptions/listen", wanted).open().await;
    let mut stream = Events::of(stream);
    assert_eq!(stream.message().await["method"], "notifications/subscriptions/acknowledged");
    let stop = Arc::new(AtomicBool::new(false));
    let acme = ["echo", "test_simple_text"].map(|tool| call(&world, "pair", &ann, tool));
    let acme: Vec<_> = (0..2).map(|_| caller(&world, acme.to_vec(), &stop)).collect();
    let globex = vec![call(&world, "fixture", &gus, "echo")];
    let globex: Vec<_> = (0..2).map(|_| caller(&world, globex.clone(), &stop)).collect();

    let mut times = Vec::new();
    let mut ann_connection = OneConnection::to(&world.public).await;
    for change in 1..=changes() {
        let side = usize::from(change % 2 == 1);
        let began = Instant::now();
        let (revision, after_ms) = admin.apply(&mut connection, &sides.document(side)).await;
        assert_eq!(revision, first + change);
        times.push((after_ms, began.elapsed()));
        for (tool, code) in [(sides.0[side].1, None), (sides.0[1 - side].1, Some(-32_602))] {
            let answer = ann_connection.send(&call(&world, "pair", &ann, tool)).await;
            assert_eq!(answer.code(), code, "the call after change {change}: {answer:?}");
        }
        sides.hold(first);
    }
    stop.store(true, Ordering::Relaxed);
    for caller in acme {
        let (through, refused) = caller.await.unwrap();
        assert!(through > 0 && refused > 0, "acme's calls met one side alone: {through} through, {refused} refused");
    }
    for caller in globex {
        assert_eq!(caller.await.unwrap().1, 0, "globex felt the changes of acme");
    }
    // The stream that was open all along still tells.
    let trigger = call(&world, "fixture", &gus, "test_trigger_tool_change");
    assert_eq!(trigger.send().await.status, 200);
    assert_eq!(stream.message().await["method"], "notifications/tools/list_changed");
    report(&times);
}

/// How many changes.
fn changes() -> u64 {
    std::env::var("PARTYWALL_TEST_CHANGES").map_or(CHANGES_USUAL, |number| number.parse().expect("a number"))
}

#[expect(clippy::print_stdout, reason = "whoever runs the soak reads it")]
/// Figures are for reading: a machine that others use as well would make an assertion of them fail for no fault of ours.
fn report(times: &[(u64, Duration)]) {
    let (mut enforced, mut whole): (Vec<_>, Vec<_>) =
        times.iter().map(|(after, whole)| (Duration::from_millis(*after), *whole)).unzip();
    println!(
        "{} changes under load: written to enforced p50 {:?}, p99 {:?}; the whole request p50 {:.1?}, p99 {:.1?}",
        times.len(),
        percentile(&mut enforced, 50),
        percentile(&mut enforced, 99),
        percentile(&mut whole, 50),
        percentile(&mut whole, 99),
    );
}

/// An operator at the admin listener.
struct Admin {
    url: String,
    token: String,
}

impl Admin {
    fn of(world: &World) -> Self {
        let token = std::fs::read_to_string(world.data().join("operator.token")).unwrap().trim().to_owned();
        Self { url: format!("{}/api/v1/apply", world.admin), token }
    }

    /// Applies what must be taken: the revision, and after how many milliseconds it was enforced.
    async fn apply(&self, connection: &mut OneConnection, text: &str) -> (u64, u64) {
        let body = json!({"files": [{"name": "live.toml", "text": text}]});
        let ask = Ask::new(Method::POST, &self.url).header("authorization", &format!("Bearer {}", self.token));
        let answer = connection.send(&ask.header("content-type", "application/json").body(body.to_string())).await;
        let told = answer.json();
        let number = |path: &str| told.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{told}"));
        (number("/revision"), number("/enforced/after_ms"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_does_not_fit_is_refused_when_written_and_again_when_taken() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    world.must_apply(&fixture.documents());
    let ann = world.token("acme", "ann");
    let served = async || call(&world, "fixture", &ann, "echo").send().await.code().is_none();
    let revision = || {
        let shown = world.run(&["tenant", "show", "acme", "--output", "json"]);
        serde_json::from_slice::<Value>(&shown.stdout).unwrap()["revision"].as_u64().unwrap()
    };
    let stands = revision();
    let invalid = "[plan.standard]\nservers.nowhere = { placement = \"shared\" }\n";
    let refused = world.apply(invalid);
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    assert_eq!((revision(), served().await), (stands, true));

    // Somebody writes past the control plane.
    let store = Store::open(world.data().join("partywall.sqlite")).unwrap();
    let body = json!({"servers": {"nowhere": {"placement": "shared"}}});
    let change = Change::Put(Document::new(Kind::Plan, "standard", None, body));
    let forced = store.platform(&eve()).apply(Revision(stands), &[change], None).unwrap();
    until("the node refuses it", || world.log_lines("revision_rejected").pop()).await;
    assert!(served().await, "what stood before does not stand any more");
    let shown = world.run(&["tenant", "show", "acme"]);
    assert!(stderr(&shown).contains(&format!("revision {forced}, which stands, has")), "{}", stderr(&shown));

    // What mends it is taken, and holds.
    let mended = "[plan.standard]\n[plan.standard.servers.notes]\nplacement = \"shared\"\n";
    world.must_apply(mended);
    assert_eq!((revision(), served().await), (forced.0 + 1, true));
}

fn eve() -> Operator {
    let token = "0123456789abcdef0123456789abcdef0123456789abcdef";
    OperatorKey::new("eve", token).unwrap().verify(token).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_limit_counted_outlives_a_change() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let world = World::demo();
    let limited = |burst: u32| {
        let (head, globex) =
            fixture.documents().split_once("[tenant.globex]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let own = format!("calls_per_second = 1, calls_burst = {burst}, calls_in_flight_max = 1000");
        let head = head.replace("calls_per_second = 10000, calls_burst = 10000, calls_in_flight_max = 1000", &own);
        format!("{head}[tenant.globex]{globex}")
    };
    world.must_apply(&limited(1_000));
    let ann = world.token("acme", "ann");
    let left = || {
        let about =
            world.run(&["explain", "--token", world.data().join("ann.token").to_str().unwrap(), "--output", "json"]);
        let about: Value = serde_json::from_slice(&about.stdout).unwrap();
        about.pointer("/left/calls").and_then(Value::as_u64).unwrap()
    };
    std::fs::write(world.data().join("ann.token"), &ann).unwrap();
    for _ in 0..200 {
        assert_eq!(call(&world, "fixture", &ann, "echo").send().await.status, 200);
    }
    let before = left();
    world.must_apply(&limited(1_001));
    let after = left();
    // A second gives a call back; minutes would have to pass for what was used to be forgotten.
    assert!(before < 1_000 && after < 1_000, "{before} left before, {after} after the change");
}
