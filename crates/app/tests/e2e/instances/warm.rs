//! What is kept warm stands before anybody calls, also after a crash, and only for as long as the configuration says so.

use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::boxed::Boxed;
use crate::http::Ask;
use crate::node::{Node, PUBLIC, issuer_document};
use crate::scripted::until;

fn documents(issuer: &Issuer, min_warm: u8, tenants: &[&str]) -> String {
    let boxed = Boxed::fixture("both")
        .with_command(&format!("life = {{ min_warm = {min_warm}, freeze_after_s = 0, stop_after_s = 1 }}"));
    let boxed = boxed.with_command("env = { KEY = { secret = \"key\" } }");
    let tenant = |name: &&str| {
        format!("[tenant.{name}]\nplan = \"warm\"\nidentities = [{{ issuer = \"corporate\", value = \"{name}\" }}]\n")
    };
    let tenants: String = tenants.iter().map(tenant).collect();
    [issuer_document(issuer), boxed.server_and_plan("warm"), tenants].join("\n")
}

/// The states of the instances there are, by tenant.
fn states(node: &Node) -> Vec<(String, String)> {
    let text = |one: &Value, what: &str| one[what].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = node.instances().iter().map(|one| (text(one, "tenant"), text(one, "state"))).collect();
    all.sort();
    all
}

async fn are_warm(node: &Node, tenants: &[&str]) {
    let wanted: Vec<_> = tenants.iter().map(|tenant| ((*tenant).to_owned(), "warm".to_owned())).collect();
    until("just these are warm", || (states(node) == wanted).then_some(())).await;
}

async fn call(node: &Node, issuer: &Issuer, tenant: &str) -> u16 {
    let params = json!({"name": "echo", "arguments": {}});
    let ask = Ask::modern(&node.url("boxed"), &node.token(issuer, tenant, "ann"), "tools/call", params);
    ask.header("host", PUBLIC.trim_start_matches("https://")).send().await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_instance_is_warm_before_anybody_calls_and_after_a_crash() {
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start(TempDir::new().unwrap()).await;
    node.must_apply(&format!(
        "{}\n[plan.warm]\n[tenant.acme]\nplan = \"warm\"\n[tenant.globex]\nplan = \"warm\"\n",
        issuer_document(&issuer)
    ));
    for tenant in ["acme", "globex"] {
        node.must_set(tenant, "key", "a-secret");
    }
    node.must_apply(&documents(&issuer, 1, &["acme", "globex"]));
    are_warm(&node, &["acme", "globex"]).await;
    assert!(node.log_lines("\"tools/call\"").is_empty(), "nobody called");

    let node = Node::start(node.crash()).await;
    are_warm(&node, &["acme", "globex"]).await;
    let before: Vec<Value> = node.instances().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(call(&node, &issuer, "acme").await, 200);
    let after: Vec<Value> = node.instances().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(before, after, "the call found it warm");

    // One that ends is another soon, and one that is stopped as well.
    node.instance(&["stop", before[0].as_str().unwrap()]);
    until("another stands", || node.instances().iter().all(|one| one["id"] != before[0]).then_some(())).await;
    are_warm(&node, &["acme", "globex"]).await;

    // Only for as long as the configuration says so.
    node.must_apply("[tenant.globex]\nplan = \"warm\"\nsuspended = true\n");
    are_warm(&node, &["acme"]).await;
    node.must_apply(&documents(&issuer, 0, &["acme"]));
    until("nothing is kept any more", || states(&node).is_empty().then_some(())).await;
    assert_eq!(call(&node, &issuer, "acme").await, 200, "it starts with its call now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_kept_leaves_room_for_those_that_call() {
    let issuer = Issuer::new("https://login.example.com");
    let node = Node::start_with(TempDir::new().unwrap(), "[instances]\nawake_max = 2").await;
    let tenants = ["acme", "globex", "initech"];
    let bare = |name: &str| format!("[tenant.{name}]\nplan = \"warm\"\n");
    node.must_apply(&[issuer_document(&issuer), "[plan.warm]\n".to_owned(), tenants.map(bare).concat()].join("\n"));
    for tenant in tenants {
        node.must_set(tenant, "key", "a-secret");
    }
    node.must_apply(&documents(&issuer, 1, &tenants));
    let told = || node.log_lines("instance_not_kept_warm");
    until("two are told that there is no room", || (told().len() == 2).then_some(())).await;
    assert!(
        told()
            .iter()
            .all(|line| line["tenant_id"].is_string() && line["cause"].as_str().unwrap().contains("awake_max"))
    );
    for tenant in tenants {
        assert_eq!(call(&node, &issuer, tenant).await, 200, "{tenant} is served all the same");
    }
}
