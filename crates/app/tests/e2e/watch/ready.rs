//! `/healthz` and `/readyz`: whether it lives, whether calls should come, and why not.

use std::fs::{self, OpenOptions};

use http::Method;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Figures, operator};
use crate::http::{Answer, Ask};
use crate::node::{Node, issuer_document};
use crate::scripted::{Scripted, soon};
use crate::world::World;

/// What a probe without a token is told.
async fn bare(admin: &str, path: &str) -> (u16, Value) {
    let answer = Ask::new(Method::GET, &format!("{admin}{path}")).send().await;
    (answer.status.as_u16(), answer.json())
}

/// What one check of an operator's answer says.
fn check(answer: &Answer, name: &str) -> Value {
    let checks = answer.json()["checks"].as_array().unwrap().clone();
    checks.into_iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check `{name}`: {answer:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_cannot_write_its_journal_says_so() {
    let world = World::demo();
    assert_eq!(bare(&world.admin, "/readyz").await, (200, json!({"status": "ok"})));
    let data = world.crash();
    // The segment is full, and where the next one should be no file can be.
    let journal = data.path().join("journal");
    let first = OpenOptions::new().write(true).open(journal.join("journal-00000001.jsonl")).unwrap();
    first.set_len((64 << 20) + 1).unwrap();
    let blocked = journal.join("journal-00000002.jsonl");
    let world = World::start(data, &[]);
    fs::create_dir(&blocked).unwrap();

    assert_eq!(bare(&world.admin, "/readyz").await, (503, json!({"status": "not ok"})));
    assert_eq!(bare(&world.admin, "/healthz").await, (200, json!({"status": "ok"})));
    let call = Ask::modern(&world.url("notes"), &world.token("acme", "ann"), "tools/list", json!({}));
    assert_eq!(call.send().await.status, 200, "a call is served all the same");
    let told = operator(&world, "/readyz").await;
    assert_eq!((told.status.as_u16(), check(&told, "journal")["ok"].clone()), (503, json!(false)));
    assert_eq!(check(&told, "journal")["why"], "2 entries since start could not be written; is the disk full?");
    let figures = Figures::of(&world).await;
    let lost = figures.get("partywall_journal_entries_lost_total");
    assert!((lost - 2.0).abs() < f64::EPSILON && figures.get("partywall_journal_writable") < 0.5, "{figures:#?}");

    fs::remove_dir(&blocked).unwrap();
    assert_eq!(bare(&world.admin, "/readyz").await, (200, json!({"status": "ok"})), "nothing else has to happen");
    let told = operator(&world, "/readyz").await;
    assert_eq!(check(&told, "journal")["why"], "it is written to again; 2 entries since start could not be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_stops_says_so_until_the_last_call_has_ended() {
    let mut upstream = Scripted::start().await;
    let issuer = Issuer::new("https://login.example.com");
    let mut node = Node::start(TempDir::new().unwrap()).await;
    let documents = upstream.documents("", "").replace("development", "corporate");
    node.must_apply(&format!("[plan.standard]\n{}\n{documents}", issuer_document(&issuer)));
    let token = node.token(&issuer, "acme", "ann");
    let slow = Ask::modern(&node.url("scripted"), &token, "tools/call", json!({"name": "any"}));
    let slow = tokio::spawn(async move { slow.send().await });
    let asked = upstream.asked().await;
    let admin = node.admin();
    assert_eq!(bare(&admin, "/readyz").await.0, 200);
    node.terminate();
    soon("it says that it drains", async { while bare(&admin, "/readyz").await.0 != 503 {} }).await;
    assert_eq!(bare(&admin, "/healthz").await.0, 200, "it lives");
    asked.done();
    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!(node.ended().await.code(), Some(0));
}
