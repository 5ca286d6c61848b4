//! What instances do to get at others, beside a tenant who calls an instance of its own and a shared server.
//!
//! What is asserted is that none of its calls fails. How long they took, alone and beside each of it, is printed and not
//! asserted: on a machine that others use as well a time proves little. `cargo xtask soak` runs it longer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::json;
use tempfile::TempDir;

use super::boxed::{Boxed, servers_and_plan};
use crate::http::{Ask, Kept};
use crate::node::{Node, PUBLIC, issuer_document};
use crate::scripted::until;
use crate::world::{Fixture, PARTYWALL};

const CALLS_VARIABLE: &str = "PARTYWALL_SOAK_CALLS";
/// Calls of each kind before and beside each attack, unless the variable says otherwise.
const CALLS: usize = 20;
/// Until an attack is under way: an instance is started for it.
const UNDER_WAY: Duration = Duration::from_millis(1500);
/// Between two calls of the tenant whose instance attacks, each of which starts it anew where it has ended.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Memory of an instance that attacks.
const MEMORY_BYTES: u64 = 96 << 20;

/// What an instance does, and how: `$0` is the server that it should have been.
const ATTACKS: [(&str, &str); 8] = [
    ("burn CPU", "for one in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; exec $0 --stdio"),
    ("fork without end", "bomb() { bomb | bomb & }; (sleep 0.5; bomb) & exec $0 --stdio"),
    ("take all memory", "(while :; do tail /dev/zero; done) & exec $0 --stdio"),
    ("fill the disk", "(while :; do cat /dev/zero > /tmp/full; done) & exec $0 --stdio"),
    ("write to stderr without end", "(yes nobody reads this >&2) & exec $0 --stdio"),
    (
        "notify without end",
        "(while :; do echo '{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}'; done) & exec $0 --stdio",
    ),
    ("write a line of a gigabyte", "head -c 1G /dev/zero | tr '\\\\0' x"),
    ("die at once, again and again", "exit 1"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_instance_does_to_itself_costs_another_tenant_no_call() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start(TempDir::new().unwrap()).await;
    node.must_apply(&documents(&fixture, &issuer));
    let calls = std::env::var(CALLS_VARIABLE).map_or(CALLS, |calls| calls.parse().unwrap());
    let quiet = ["calm", "shared"].map(|server| (server, call(&node, &issuer, "quiet", server)));
    took("at first", &quiet[0].1, 5).await;
    let mut times = quiet.each_ref().map(|_| Times::default());
    for (number, (attack, _)) in ATTACKS.iter().enumerate() {
        // Before each of them anew: what else the machine does changes within a minute.
        for ((server, ask), times) in quiet.iter().zip(&mut times) {
            times.alone.extend(took(&format!("before `{attack}`: {server}"), ask, calls).await);
        }
        let attacked = Arc::new(AtomicBool::new(false));
        let hostile = tokio::spawn(attack_on(call(&node, &issuer, "hostile", &server(number)), Arc::clone(&attacked)));
        tokio::time::sleep(UNDER_WAY).await;
        for ((server, ask), times) in quiet.iter().zip(&mut times) {
            times.beside.extend(took(&format!("beside `{attack}`: {server}"), ask, calls).await);
        }
        is_under_way(&node, number, attack);
        attacked.store(true, Ordering::Relaxed);
        hostile.await.unwrap();
        stop_all_of(&node, &server(number)).await;
    }
    for ((server, _), mut times) in quiet.iter().zip(times) {
        times.alone.sort();
        times.beside.sort();
        let (alone, beside) = (percentile(&times.alone, 99), percentile(&times.beside, 99));
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!("{server}: p99 alone {alone:?}, beside all of it {beside:?}, ratio {ratio:.2}");
    }
}

/// How long calls took.
#[derive(Default)]
struct Times {
    alone: Vec<Duration>,
    beside: Vec<Duration>,
}

/// An attack that does not happen proves nothing: what it did is in what the instance used, or in what became of it.
fn is_under_way(node: &Node, number: usize, attack: &str) {
    let server = server(number);
    let used = |what: &str| {
        let instances = node.instances().into_iter().filter(|one| one["server"] == server.as_str());
        instances.filter_map(|one| one[what].as_u64()).sum::<u64>()
    };
    let happens = match attack {
        "fork without end" => used("processes_refused") > 0,
        "take all memory" => used("memory_peak_bytes") > MEMORY_BYTES / 2,
        "write to stderr without end" => !node.log_lines("\"instance_said\"").is_empty(),
        "notify without end" => {
            node.log_lines("\"instance_unheard\"").iter().any(|line| line["rests"].as_u64() > Some(0))
        }
        "write a line of a gigabyte" | "die at once, again and again" => !node.log_lines("instance_ended").is_empty(),
        _ => used("cpu_us") > 200_000,
    };
    assert!(happens, "{attack}: {:?}", node.instances());
}

/// Ends the instances of a server, so that the next attack is alone.
async fn stop_all_of(node: &Node, server: &str) {
    let listed = || node.instances().into_iter().filter(|one| one["server"] == server).collect::<Vec<_>>();
    for one in listed() {
        node.instance(&["stop", one["id"].as_str().unwrap()]);
    }
    until("the attack is over", || listed().is_empty().then_some(())).await;
}

fn server(number: usize) -> String {
    format!("attack{number}")
}

fn documents(fixture: &Fixture, issuer: &Issuer) -> String {
    let program = Path::new(PARTYWALL).with_file_name("fixture");
    let attack = format!(
        "limits = {{ memory_bytes = {MEMORY_BYTES}, processes_max = 64 }}\nlife = {{ start_timeout_s = 3, freeze_after_s = 0 }}"
    );
    let attacks = ATTACKS.iter().enumerate().map(|(number, (_, script))| {
        let run = ["-c", script, program.to_str().unwrap()];
        Boxed::running(&server(number), Path::new("/bin/sh"), &run)
            .with_root(program.parent().unwrap())
            .with_command(&attack)
    });
    let attacks: Vec<Boxed> = attacks.collect();
    let mut calm = Boxed::fixture("both").with_command("life = { freeze_after_s = 0 }");
    "calm".clone_into(&mut calm.name);
    let tenant = |name: &str| {
        format!("[tenant.{name}]\nplan = \"{name}\"\nidentities = [{{ issuer = \"corporate\", value = \"{name}\" }}]\n")
    };
    let shared = format!("[server.shared]\nurl = \"{}\"\nsharing = \"stateless\"\n", fixture.url);
    let quiet = calm.server_and_plan("quiet");
    let grant = "servers.shared = { placement = \"shared\", tools = { allow = [\"*\"] } }\n";
    [
        &issuer_document(issuer),
        &shared,
        &quiet,
        grant,
        &servers_and_plan(&attacks, "hostile"),
        &tenant("quiet"),
        &tenant("hostile"),
    ]
    .join("\n")
}

fn call(node: &Node, issuer: &Issuer, tenant: &str, server: &str) -> Ask {
    let params = json!({"name": "echo", "arguments": {"text": "hello"}});
    let ask = Ask::modern(&node.url(server), &node.token(issuer, tenant, "ann"), "tools/call", params);
    ask.header("host", PUBLIC.trim_start_matches("https://"))
}

/// How long each of so many calls took, fastest first, and prints it. Each must be served.
async fn took(when: &str, ask: &Ask, calls: usize) -> Vec<Duration> {
    let connection = Kept::default();
    let mut took = Vec::with_capacity(calls);
    for number in 0..calls {
        let since = Instant::now();
        let answer = connection.send(ask).await;
        took.push(since.elapsed());
        assert_eq!(answer.status, StatusCode::OK, "call {number} of the quiet one: {answer:?}");
    }
    took.sort();
    #[expect(clippy::print_stdout, reason = "a measurement for whoever runs the soak")]
    {
        println!("{when}: p50 {:?}, p99 {:?}", percentile(&took, 50), percentile(&took, 99));
    }
    took
}

/// Calls what attacks until it is told to stop, so that it stands again where it has ended. What it answers is its own
/// affair.
async fn attack_on(ask: Ask, stop: Arc<AtomicBool>) {
    let connection = Kept::default();
    while !stop.load(Ordering::Relaxed) {
        let _ = tokio::time::timeout(Duration::from_secs(5), connection.send(&ask)).await;
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    sorted[(sorted.len() * hundredths / 100).min(sorted.len() - 1)]
}
