//! The noisy neighbour: fifteen tenants offer a hundred times what they may, and the sixteenth notices nothing but time.
//!
//! What is asserted is that none of its calls fails and none is refused. How long they took, alone and beside the
//! noise, is printed and not asserted: on a machine that others use as well a time proves little. `cargo xtask soak`
//! runs it longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::http::{Ask, Kept};
use crate::node::{Node, PUBLIC, issuer_document};
use crate::world::Fixture;

/// The noisy ones.
const NOISY: usize = 15;
/// What each of them may, in calls per second, and how much more it offers.
const MAY_PER_SECOND: u32 = 5;
const TIMES: u32 = 100;
/// Connections of each noisy tenant. Each sends its share at its pace, or as fast as it is answered.
const CONNECTIONS: u32 = 32;
/// How often a noisy tenant is refused in a second at most, and at first, whatever it offers: what is written down, and what
/// is answered after a pause.
const REFUSED_PER_SECOND: usize = 10 + 50;
const REFUSED_AT_FIRST: usize = 100 + 50;
/// Calls of the quiet one, alone and beside the noise, unless the variable says otherwise.
const CALLS: usize = 100;
const CALLS_VARIABLE: &str = "PARTYWALL_SOAK_CALLS";

#[derive(Default)]
struct Noise {
    stop: AtomicBool,
    served: AtomicUsize,
    refused: AtomicUsize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifteen_noisy_tenants_cost_the_quiet_one_no_call() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start(TempDir::new().unwrap()).await;
    node.must_apply(&documents(&fixture, &issuer));
    let calls = std::env::var(CALLS_VARIABLE).map_or(CALLS, |calls| calls.parse().unwrap());
    let ask = |tenant: &str| call(&node, &node.token(&issuer, tenant, "ann"));
    let quiet = ask("quiet");
    let alone = took(&quiet, calls).await;
    let noise = Arc::new(Noise::default());
    let mut crowd = JoinSet::new();
    for tenant in 0..NOISY {
        for _ in 0..CONNECTIONS {
            crowd.spawn(make_noise(ask(&format!("noisy{tenant}")), Arc::clone(&noise)));
        }
    }
    let before = Instant::now();
    let beside = took(&quiet, calls).await;
    let took_s = usize::try_from(before.elapsed().as_secs()).unwrap() + 1;
    noise.stop.store(true, Ordering::Relaxed);
    while let Some(done) = crowd.join_next().await {
        done.unwrap();
    }
    let (served, refused) = (noise.served.load(Ordering::Relaxed), noise.refused.load(Ordering::Relaxed));
    println!(
        "quiet, {calls} calls: alone p50 {:?}, p99 {:?}; beside the noise p50 {:?}, p99 {:?}, ratio of p99 {:.2}",
        at(&alone, 50),
        at(&alone, 99),
        at(&beside, 50),
        at(&beside, 99),
        at(&beside, 99).as_secs_f64() / at(&alone, 99).as_secs_f64(),
    );
    let offered = NOISY * (MAY_PER_SECOND * TIMES) as usize * took_s;
    println!("noise in {took_s} s: {offered} offered, {served} served, {refused} refused");
    assert!(refused > served, "the noise was no noise: {served} served, {refused} refused");
    // The bursts, and what came back since; a second more for the time between the last look and the stop.
    let most = NOISY * MAY_PER_SECOND as usize * (2 + took_s + 2);
    assert!(served <= most, "{served} served, {most} may be");
    let most = NOISY * (REFUSED_AT_FIRST + REFUSED_PER_SECOND * (took_s + 2));
    assert!(refused <= most, "{refused} refused, {most} may be");
}

fn documents(fixture: &Fixture, issuer: &Issuer) -> String {
    let tenant = |name: &str, limits: &str| {
        format!(
            "[tenant.{name}]\nplan = \"standard\"\nidentities = [{{ issuer = \"corporate\", value = \"{name}\" }}]\n\
             limits = {{ {limits} }}\n"
        )
    };
    let limits = format!("calls_per_second = {MAY_PER_SECOND}, calls_burst = {}", 2 * MAY_PER_SECOND);
    let noisy: String = (0..NOISY).map(|index| tenant(&format!("noisy{index}"), &limits)).collect();
    format!(
        "{}\n[server.fixture]\nurl = \"{}\"\nsharing = \"stateless\"\nlimits = {{ calls_in_flight_max = 8 }}\n\
         [plan.standard.servers.fixture]\nplacement = \"shared\"\ntools = {{ allow = [\"*\"] }}\n{}{noisy}",
        issuer_document(issuer),
        fixture.url,
        tenant("quiet", "calls_per_second = 100000, calls_burst = 100000"),
    )
}

fn call(node: &Node, token: &str) -> Ask {
    let host = PUBLIC.trim_start_matches("https://");
    Ask::modern(&node.url("fixture"), token, "tools/call", json!({ "name": "echo", "arguments": {} }))
        .header("host", host)
}

/// How long each of so many calls took, one after the other, fastest first. Each must be served.
async fn took(ask: &Ask, calls: usize) -> Vec<Duration> {
    let connection = Kept::default();
    let mut took = Vec::with_capacity(calls);
    for number in 0..calls {
        let since = Instant::now();
        let answer = connection.send(ask).await;
        took.push(since.elapsed());
        assert_eq!(answer.status, StatusCode::OK, "call {number} of the quiet one: {answer:?}");
    }
    took.sort_unstable();
    took
}

fn at(took: &[Duration], percent: usize) -> Duration {
    took[(took.len() * percent / 100).min(took.len() - 1)]
}

async fn make_noise(ask: Ask, noise: Arc<Noise>) {
    let connection = Kept::default();
    let mut pace = tokio::time::interval(Duration::from_secs(1) / (MAY_PER_SECOND * TIMES / CONNECTIONS));
    while !noise.stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let counted = match connection.send(&ask).await.status {
            StatusCode::OK => &noise.served,
            StatusCode::TOO_MANY_REQUESTS => &noise.refused,
            other => panic!("the noise was answered {other}"),
        };
        counted.fetch_add(1, Ordering::Relaxed);
    }
}
