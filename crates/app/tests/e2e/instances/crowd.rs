//! Many tenants, few places: all are served, and whoever has been idle longest makes room. `cargo xtask soak` runs it
//! longer.

use std::sync::Arc;

use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::boxed::Boxed;
use crate::http::{Ask, Kept};
use crate::node::{Node, PUBLIC, issuer_document};
use crate::scripted::until;

/// Tenants, and instances that may run at once.
const TENANTS: usize = 200;
const AWAKE: usize = 12;
/// Clients at once: fewer than places, since those who end take theirs until they have ended.
const CLIENTS: usize = 6;
/// Calls, unless the variable says otherwise.
const CALLS: usize = 300;
const CALLS_VARIABLE: &str = "PARTYWALL_SOAK_CALLS";

/// A call of `echo` by a tenant of the crowd.
fn call(node: &Node, issuer: &Issuer, tenant: usize) -> Ask {
    let claims = issuer.claims(&format!("{PUBLIC}/mcp")).tenant(&format!("t{tenant}"));
    let params = json!({"name": "echo", "arguments": {"tenant": tenant}});
    Ask::modern(&node.url("boxed"), &issuer.token(claims), "tools/call", params).header("host", "mcp.example.com")
}

fn documents(issuer: &Issuer, tenants: usize) -> String {
    let boxed = Boxed::fixture("both").with_command("life = { stop_grace_s = 30 }");
    let tenant = |number| {
        format!(
            "[tenant.t{number}]\nplan = \"crowd\"\nidentities = [{{ issuer = \"corporate\", value = \"t{number}\" }}]\n"
        )
    };
    [issuer_document(issuer), boxed.server_and_plan("crowd"), (0..tenants).map(tenant).collect()].join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_tenants_than_places_are_all_served() {
    let issuer = Issuer::new("https://login.example.com");
    let settings = format!("[instances]\nawake_max = {AWAKE}\nhold_timeout_s = 120");
    let node = Node::start_with(TempDir::new().unwrap(), &settings).await;
    node.must_apply(&documents(&issuer, TENANTS));
    let calls = std::env::var(CALLS_VARIABLE).map_or(CALLS, |calls| calls.parse().unwrap());
    let asks: Arc<Vec<_>> = Arc::new((0..TENANTS).map(|tenant| call(&node, &issuer, tenant)).collect());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let asks = Arc::clone(&asks);
        clients.spawn(async move {
            let kept = Kept::default();
            for number in (client..calls).step_by(CLIENTS) {
                let tenant = number % TENANTS;
                let answer = kept.send(&asks[tenant]).await;
                let text = answer.json()["result"]["content"][0]["text"].as_str().map(str::to_owned);
                assert_eq!(text, Some(json!({"tenant": tenant}).to_string()), "call {number}: {answer:?}");
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    let most = awake_at_most(&node.log_lines("instance_"));
    assert!(most <= AWAKE, "{most} were awake at once");
    println!("{calls} calls of {TENANTS} tenants, {most} instances at most, none failed");
}

/// The most that were ready and had not ended at one time.
fn awake_at_most(lines: &[Value]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for line in lines {
        match line["event"].as_str() {
            Some("instance_ready") => now += 1,
            Some("instance_ended") => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_first_calls_at_once_start_one() {
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start(TempDir::new().unwrap()).await;
    node.must_apply(&documents(&issuer, 1));
    let ask = Arc::new(call(&node, &issuer, 0));
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let ask = Arc::clone(&ask);
        calls.spawn(async move { ask.send().await });
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }
    until("one was started", || (node.log_lines("instance_ready").len() == 1).then_some(())).await;
}
