//! Where the document gives no `jwks_url`, the issuer's metadata does.

use std::time::Duration;

use super::server::{Answer, Server};
use super::{Scene, issuer};
use crate::key_source::memory::{DISCOVERED, FLOOR};

const RFC8414: &str = "/.well-known/oauth-authorization-server/one";
const OIDC_INSERTED: &str = "/.well-known/openid-configuration/one";
const OIDC_APPENDED: &str = "/one/.well-known/openid-configuration";

fn metadata(issuer: &str, jwks_uri: &str) -> Answer {
    Answer::Text(serde_json::json!({ "issuer": issuer, "jwks_uri": jwks_uri, "token_endpoint": 1 }).to_string())
}

#[tokio::test]
async fn the_places_are_asked_in_order_until_one_answers() {
    let rows: [&[&str]; 3] = [&[RFC8414], &[RFC8414, OIDC_INSERTED], &[RFC8414, OIDC_INSERTED, OIDC_APPENDED]];
    for asked in rows {
        let server = Server::start().await;
        let (url, last) = (server.url("/one"), asked[asked.len() - 1]);
        server.answers(last, metadata(&url, &server.url("/keys")));
        server.has_keys(&["a"]);
        assert!(Scene::new().needs(&issuer(&url, None), "a").await, "{last}");
        assert_eq!(server.asked(), [asked, &["/keys"]].concat());
    }
}

#[tokio::test]
async fn a_page_a_redirect_and_another_issuers_metadata_are_passed_over() {
    let server = Server::start().await;
    let url = server.url("/one");
    server.answers(RFC8414, Answer::Text("<!doctype html><title>Sign in</title>".to_owned()));
    server.answers(OIDC_INSERTED, metadata(&server.url("/two"), &server.url("/wrong-keys")));
    server.answers(OIDC_APPENDED, metadata(&url, &server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(Scene::new().needs(&issuer(&url, None), "a").await);

    server.answers(OIDC_APPENDED, Answer::Status(302, "location: /sign-in\r\n"));
    let why = Scene::new().refused(&issuer(&url, None)).await;
    for said in ["is not an issuer's metadata", "/two`, which is not to the byte", "answered 302 and sent us on"] {
        assert!(why.contains(said), "`{said}` is not in: {why}");
    }
}

#[tokio::test]
async fn an_issuer_differs_by_a_slash() {
    let server = Server::start().await;
    let (with, without) = (server.url("/one/"), server.url("/one"));
    server.answers(RFC8414, metadata(&without, &server.url("/keys")));
    server.has_keys(&["a"]);
    assert!(Scene::new().needs(&issuer(&without, None), "a").await);
    assert!(!Scene::new().needs(&issuer(&with, None), "a").await);
}

#[tokio::test]
async fn the_place_of_the_keys_is_remembered_and_looked_up_again() {
    let (server, scene) = (Server::start().await, Scene::new());
    let issuer = issuer(&server.url("/one"), None);
    let said = |path: &str| server.answers(RFC8414, metadata(&issuer.url, &server.url(path)));
    said("/keys");
    server.has_keys(&["a"]);
    assert!(scene.needs(&issuer, "a").await);
    scene.pass(FLOOR);
    server.has_keys(&["b"]);
    assert!(scene.needs(&issuer, "b").await);
    assert_eq!(server.asked(), [RFC8414, "/keys", "/keys"], "the metadata was asked for once");

    // The keys move: the old place fails, then the metadata is asked again.
    server.answers("/keys", Answer::Status(410, ""));
    said("/new-keys");
    server.answers("/new-keys", Answer::Text(super::set(&["c"])));
    scene.pass(FLOOR);
    assert!(!scene.needs(&issuer, "c").await);
    scene.pass(FLOOR);
    assert!(scene.needs(&issuer, "c").await);

    scene.pass(DISCOVERED);
    assert!(scene.needs(&issuer, "c").await);
    let metadata_asked = server.asked().iter().filter(|path| *path == RFC8414).count();
    assert_eq!(metadata_asked, 3, "once at first, once after the failure, once after {DISCOVERED:?}");
}

#[tokio::test]
async fn metadata_sends_us_nowhere_that_the_document_does_not_open() {
    let server = Server::start().await;
    let url = server.url("/one");
    let rows = [
        ("http://169.254.169.254/latest/meta-data", "a link-local address"),
        ("https://10.0.0.1/keys", "a private address"),
        ("http://8.8.8.8/keys", "plain HTTP"),
        ("file:///etc/passwd", "is not a URL"),
        ("/keys", "is not an `https` URL"),
        ("", "is not a URL"),
    ];
    for (jwks_uri, said) in rows {
        server.answers(RFC8414, metadata(&url, jwks_uri));
        let why = Scene::new().refused(&issuer(&url, None)).await;
        assert!(why.contains(said), "{jwks_uri}: `{said}` is not in: {why}");
    }
}

#[tokio::test]
async fn slow_metadata_and_slow_keys_share_one_deadline() {
    let server = Server::start().await;
    let url = server.url("/one");
    let late = |answer| Answer::Late(Duration::from_millis(1_200), Box::new(answer));
    server.answers(RFC8414, late(metadata(&url, &server.url("/keys"))));
    server.answers("/keys", late(Answer::Text(super::set(&["a"]))));
    assert_eq!(Scene::new().refused(&issuer(&url, None)).await, "the keys did not come within 2 s");
}
