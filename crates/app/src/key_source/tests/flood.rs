//! Many at once: one fetch answers all who wait, and strangers with made-up key ids cause next to none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use partywall_identity::KeySource as _;
use tokio::task::JoinSet;

use super::server::{Answer, Server};
use super::{Scene, issuer, set};
use crate::key_source::memory::FLOOR;

#[tokio::test]
async fn a_hundred_calls_wait_for_one_fetch() {
    let (server, scene) = (Server::start().await, Arc::new(Scene::new()));
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.answers("/keys", Answer::Late(Duration::from_millis(100), Box::new(Answer::Text(set(&["a"])))));
    let mut all = JoinSet::new();
    for _ in 0..100 {
        let (scene, issuer) = (Arc::clone(&scene), issuer.clone());
        all.spawn(async move { scene.needs(&issuer, "a").await });
    }
    assert_eq!(all.join_all().await, [true; 100]);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn ten_thousand_made_up_key_ids_cause_one_fetch_a_floor() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(scene.needs(&issuer, "a").await);
    for second in 0..10_u64 {
        for number in 0..1_000 {
            assert!(!scene.needs(&issuer, &format!("ghost-{second}-{number}")).await);
        }
        assert!(scene.needs(&issuer, "a").await, "who has a real key notices nothing");
        scene.pass(Duration::from_secs(1));
    }
    assert_eq!(server.asked().len(), 2, "at the start, and once after {FLOOR:?}");
}

#[tokio::test]
async fn one_made_up_key_id_is_not_worth_a_second_fetch() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(!scene.needs(&issuer, "ghost").await);
    for _ in 0..5 {
        scene.pass(FLOOR);
        assert!(!scene.needs(&issuer, "ghost").await);
    }
    assert_eq!(server.asked().len(), 1);
    // The floor has passed, so a real new key does not wait behind the ghost.
    server.has_keys(&["a", "b"]);
    assert!(scene.needs(&issuer, "b").await);
}

#[tokio::test]
async fn a_key_id_known_to_be_made_up_waits_for_nobody() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(!scene.needs(&issuer, "ghost").await);
    scene.pass(FLOOR);
    server.answers("/keys", Answer::Late(Duration::from_secs(1), Box::new(Answer::Text(set(&["a", "b"])))));
    let came = AtomicBool::new(false);
    let new = async {
        assert!(scene.needs(&issuer, "b").await);
        came.store(true, Ordering::SeqCst);
    };
    let ghost = async {
        assert!(!scene.needs(&issuer, "ghost").await);
        assert!(!came.load(Ordering::SeqCst), "it waited for another's key");
    };
    tokio::join!(new, ghost);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_asked_less_and_less() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.answers("/keys", Answer::Status(500, ""));
    for _ in 0..600 {
        scene.source.fetch(&issuer, Some("a")).await;
        scene.pass(Duration::from_secs(1));
    }
    // After 0, 5, 15, 35 and 75 s, then once a minute.
    assert_eq!(server.asked().len(), 13);
}
