//! The keys of secrets: an earlier one opens until what it sealed is sealed anew; one that is lost opens nothing.

use std::process::Command;

use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::Value;
use tempfile::TempDir;

use super::{API_KEY, echo, server};
use crate::http::Ask;
use crate::node::{Node, issuer_document};
use crate::scripted::until;
use crate::told::all;
use crate::world::{Fixture, PARTYWALL, run_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_followed_by_the_next_without_a_failed_call() {
    let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start(TempDir::new().unwrap()).await;
    let tenant = |servers: &str| {
        format!(
            "{}[plan.standard]\n[tenant.acme]\nplan = \"standard\"\n\
             identities = [{{ issuer = \"corporate\", value = \"acme\" }}]\n{servers}",
            issuer_document(&issuer)
        )
    };
    node.must_apply(&tenant(""));
    let set = Command::new(PARTYWALL);
    let told = run_with(set, &["secret", "set", "acme", "fixture-key", "--data", node.folder()], "epoch-one-0b7d");
    assert!(told.status.success(), "{}", all(&told));
    let granted = tenant("servers.fixture = { placement = \"shared\", tools = { allow = [\"*\"] } }\n");
    node.must_apply(&[server(&fixture.url, API_KEY), granted].join(""));
    assert_eq!(call(&node, &issuer).await, 200);
    assert_eq!(epochs(&node), (1, vec![1]));

    let node = Node::start_with(node.stop().await, "secrets_epoch = 2").await;
    assert_eq!(call(&node, &issuer).await, 200, "what the earlier key sealed still opens");
    assert_eq!(epochs(&node), (2, vec![1]));
    let rotated = Command::new(PARTYWALL).args(["secret", "rotate", "--data", node.folder()]).output().unwrap();
    assert!(rotated.status.success(), "{}", all(&rotated));
    assert_eq!(epochs(&node), (2, vec![2]));
    assert_eq!(call(&node, &issuer).await, 200);

    // A node that does not have the key: the call is refused, and nothing else stands in.
    let node = Node::start_with(node.stop().await, "secrets_epoch = 1").await;
    fixture.received.clear();
    assert_eq!(call(&node, &issuer).await, 503);
    assert!(fixture.received.all().iter().all(|request| request.header("x-api-key").is_none()));
    let line = until("the refusal is in the log", || node.log_lines("\"refusal\":\"no_credential\"").pop()).await;
    assert_eq!(line["cause"], "secret `fixture-key` was sealed in epoch 2, whose key this node does not have");
    let node = Node::start_with(node.stop().await, "secrets_epoch = 3").await;
    assert_eq!(call(&node, &issuer).await, 200);
}

async fn call(node: &Node, issuer: &Issuer) -> u16 {
    let token = node.token(issuer, "acme", "ann");
    Ask::modern(&node.url("fixture"), &token, "tools/call", echo()).send().await.status.as_u16()
}

/// The epoch of now, and those in which acme's secrets were sealed.
fn epochs(node: &Node) -> (u64, Vec<u64>) {
    let arguments = ["secret", "list", "acme", "--output", "json", "--data", node.folder()];
    let listed = Command::new(PARTYWALL).args(arguments).output().unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let secrets = listed["secrets"].as_array().unwrap();
    (listed["epoch"].as_u64().unwrap(), secrets.iter().map(|secret| secret["epoch"].as_u64().unwrap()).collect())
}
