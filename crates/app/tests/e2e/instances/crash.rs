//! The gateway is killed with fifty instances running: nothing of them is left, nothing of their volumes is lost, and
//! all are reachable again.

use std::path::Path;
use std::time::Instant;

use partywall_domain::RequestId;
use partywall_testkit::token::Issuer;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::boxed::Boxed;
use crate::http::Ask;
use crate::node::{Node, PUBLIC, issuer_document};
use crate::scripted::until;

const TENANTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_leaves_no_instance_and_loses_no_volume() {
    let issuer = Issuer::new("https://login.example.com");
    let mark = RequestId::now().to_string();
    let node = Node::start(TempDir::new().unwrap()).await;
    node.must_apply(&documents(&issuer, &mark));
    all_answer(&node, &issuer).await;
    let kept = written(node.data());
    assert_eq!(kept.len(), TENANTS, "each has written into its own volume");
    assert_eq!(running(&mark), TENANTS);

    let data = node.crash();
    let since = Instant::now();
    let node = Node::start(data).await;
    until("nothing of the old ones runs", || (running(&mark) == 0).then_some(())).await;
    all_answer(&node, &issuer).await;
    println!("all {TENANTS} answered again {} ms after the end of the gateway", since.elapsed().as_millis());
    assert_eq!(running(&mark), TENANTS, "one each");
    let now = written(node.data());
    assert!(kept.iter().all(|file| now.contains(file)), "what was written is there");
    assert_eq!(now.len(), 2 * TENANTS, "and what was written since");
    drop(node);
    until("nothing runs", || (running(&mark) == 0).then_some(())).await;
}

/// A server that writes a file into its volume whenever it starts.
fn documents(issuer: &Issuer, mark: &str) -> String {
    let mut boxed = Boxed::fixture("both").with_command("volume = \"/data\"");
    let script = format!("date > /data/$(cat /proc/sys/kernel/random/uuid); exec {}", boxed.run.join(" "));
    boxed.run = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
    let boxed = boxed.with_command(&format!("env = {{ MARK = \"{mark}\", PATH = \"/usr/bin:/bin\" }}"));
    let tenant = |number| {
        format!(
            "[tenant.t{number}]\nplan = \"crowd\"\nidentities = [{{ issuer = \"corporate\", value = \"t{number}\" }}]\n"
        )
    };
    [issuer_document(issuer), boxed.server_and_plan("crowd"), (0..TENANTS).map(tenant).collect()].join("\n")
}

async fn all_answer(node: &Node, issuer: &Issuer) {
    let mut calls = JoinSet::new();
    for tenant in 0..TENANTS {
        let token = issuer.token(issuer.claims(&format!("{PUBLIC}/mcp")).tenant(&format!("t{tenant}")));
        let params = json!({"name": "echo", "arguments": {}});
        let ask = Ask::modern(&node.url("boxed"), &token, "tools/call", params).header("host", "mcp.example.com");
        calls.spawn(async move { ask.send().await });
    }
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// The files in all volumes.
fn written(data: &Path) -> Vec<std::path::PathBuf> {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    let tenants = entries(&data.join("instances/volumes"));
    tenants
        .flat_map(|tenant| entries(&tenant).collect::<Vec<_>>())
        .flat_map(|volume| entries(&volume).collect::<Vec<_>>())
        .collect()
}

/// Processes whose environment has the mark: what was started for this test, and nothing of another's.
fn running(mark: &str) -> usize {
    let environments = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        std::fs::read(path.join("environ"))
            .ok()
            .filter(|_| std::fs::read(path.join("cmdline")).is_ok_and(|line| !line.is_empty()))
    });
    let mark = format!("MARK={mark}\0");
    environments.filter(|environment| environment.windows(mark.len()).any(|window| window == mark.as_bytes())).count()
}
