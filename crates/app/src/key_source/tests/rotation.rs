//! Keys come, go and stay: rotation, an issuer that is away, a document that changes.

use std::sync::Arc;
use std::time::Duration;

use partywall_identity::KeySource as _;

use super::server::{Answer, Server};
use super::{Scene, issuer, set};
use crate::key_source::memory::{FLOOR, FRESH, KEPT, REFRESH_AFTER};

#[tokio::test]
async fn a_rotated_key_works_at_its_first_token_and_a_withdrawn_one_no_more() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["old"]);
    assert!(scene.needs(&issuer, "old").await);
    scene.pass(FLOOR);
    server.has_keys(&["old", "new"]);
    assert!(scene.needs(&issuer, "new").await);
    assert!(scene.needs(&issuer, "old").await, "both are there while they overlap");
    scene.pass(FRESH);
    server.has_keys(&["new"]);
    assert!(!scene.needs(&issuer, "old").await);
    assert!(scene.needs(&issuer, "new").await);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn keys_in_use_are_renewed_beside_the_calls() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(scene.needs(&issuer, "a").await);
    let first = scene.source.known(&issuer).expect("just fetched");
    scene.pass(REFRESH_AFTER);
    for _ in 0..100 {
        assert!(scene.source.known(&issuer).is_some(), "nobody waits");
    }
    let asked_again = async {
        while server.asked().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), asked_again).await.expect("a fetch began beside the calls");
    // Joins the fetch if it is still under way.
    scene.source.fetch(&issuer, Some("a")).await;
    scene.pass(REFRESH_AFTER + FLOOR);
    let second = scene.source.known(&issuer).expect("they are half as old as they look");
    assert!(Arc::ptr_eq(&first, &second), "what did not change is the same set");
    assert!((2..=3).contains(&server.asked().len()), "one fetch for a hundred calls: {:?}", server.asked());
}

#[tokio::test]
async fn an_issuer_that_is_away_is_believed_for_a_day() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(scene.needs(&issuer, "a").await);
    let answers = [
        Answer::Status(503, ""),
        Answer::Text("<html>".to_owned()),
        Answer::Text(r#"{ "keys": "none" }"#.to_owned()),
        Answer::Text(r#"{ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }"#.to_owned()),
    ];
    for answer in answers {
        server.answers("/keys", answer);
        scene.pass(FRESH);
        assert!(scene.needs(&issuer, "a").await, "the last good keys count");
        assert!(scene.source.problem(&issuer).is_some());
    }
    scene.pass(KEPT);
    assert!(!scene.needs(&issuer, "a").await, "the day is over");
    server.has_keys(&["b"]);
    scene.pass(FRESH);
    assert!(scene.needs(&issuer, "b").await, "it is back");
    assert_eq!(scene.source.problem(&issuer), None);
}

#[tokio::test]
async fn an_issuer_that_empties_its_set_takes_its_keys_back() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(scene.needs(&issuer, "a").await);
    scene.pass(FRESH);
    server.answers("/keys", Answer::Text(r#"{ "keys": [] }"#.to_owned()));
    assert!(!scene.needs(&issuer, "a").await);
    assert!(scene.source.problem(&issuer).is_some_and(|why| why.contains("has 0")));
}

#[tokio::test]
async fn a_document_that_names_another_place_begins_without_keys() {
    let (one, two, scene) = (Server::start().await, Server::start().await, Scene::new());
    let before = issuer("https://a.example", Some(&one.url("/keys")));
    one.has_keys(&["a"]);
    two.has_keys(&["b"]);
    assert!(scene.needs(&before, "a").await);
    let changed = [
        issuer("https://a.example", Some(&two.url("/keys"))),
        issuer("https://b.example", Some(&one.url("/keys"))),
        super::elsewhere("https://a.example", Some(&one.url("/keys")), &["127.0.0.1/32"]),
    ];
    for after in changed {
        scene.source.retain([&before]);
        assert!(scene.needs(&before, "a").await);
        scene.source.retain([&after]);
        assert!(scene.source.known(&after).is_none(), "{after:?} has the keys of {before:?}");
    }
    // Also where nobody said that it changed: a call brings the document.
    let after = issuer("https://a.example", Some(&two.url("/keys")));
    assert!(scene.needs(&before, "a").await);
    scene.source.fetch(&after, Some("b")).await;
    assert!(scene.source.known(&after).is_some_and(|keys| keys.has("b") && !keys.has("a")));
}

#[tokio::test]
async fn an_issuer_that_left_is_forgotten() {
    let (server, scene) = (Server::start().await, Scene::new());
    let corporate = issuer("https://a.example", Some(&server.url("/keys")));
    let partner = partywall_identity::IssuerSettings { name: "partner".parse().expect("a name"), ..corporate.clone() };
    server.has_keys(&["a"]);
    for issuer in [&corporate, &partner] {
        assert!(scene.needs(issuer, "a").await);
    }
    scene.source.retain([&partner]);
    assert!(scene.source.known(&corporate).is_none());
    assert!(scene.source.known(&partner).is_some());
}

#[tokio::test]
async fn a_call_that_goes_away_does_not_end_the_fetch_of_the_others() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer("https://a.example", Some(&server.url("/keys")));
    server.answers("/keys", Answer::Late(Duration::from_secs(1), Box::new(Answer::Text(set(&["a"])))));
    let first = tokio::time::timeout(Duration::from_millis(50), scene.source.fetch(&issuer, Some("a"))).await;
    assert!(first.is_err(), "the first call gave up");
    assert!(scene.needs(&issuer, "a").await);
    assert_eq!(server.asked().len(), 1);
}
