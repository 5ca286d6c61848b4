//! Everything that gets no token: each wrong step with the answer it meets.

use http::Method;
use serde_json::json;

use super::flow::{self, CALLBACK, Client, Page, Query, ask, sent_back, token};
use super::{another_verifier, error, instead};
use crate::http::{Answer, Ask};
use crate::world::World;

/// Somebody else's site.
const FOREIGN: &str = "https://evil.example/callback";

#[tokio::test]
async fn only_programs_on_this_machine_register() {
    let world = World::demo();
    for (metadata, code) in [
        (json!({"redirect_uris": [FOREIGN]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://127.0.0.1.evil.example/"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({"client_name": "none"}), "invalid_client_metadata"),
    ] {
        let refused = flow::register(&world, &metadata).await;
        assert_eq!((refused.status.as_u16(), error(&refused.json())), (400, code), "{metadata}");
    }
    let long =
        flow::register(&world, &json!({"redirect_uris": ["http://localhost/"], "more": "x".repeat(20_000)})).await;
    assert_eq!(long.status, 413);
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_shows_no_form() {
    let world = World::demo();
    let client = Client::register(&world).await;
    let good = client.query(&world);
    // Who asks, or whom to answer, is not known: the person is told and sent nowhere.
    for (name, value) in [
        ("client_id", "unknown"),
        ("client_id", ""),
        ("redirect_uri", FOREIGN),
        ("redirect_uri", "http://127.0.0.1:50505/other"),
        ("redirect_uri", "http://localhost:50505/callback"),
        ("redirect_uri", ""),
    ] {
        let told = ask(&world, &instead(&good, name, value)).await;
        assert_page(&told, 400);
        assert!(!String::from_utf8_lossy(&told.body).contains("<form"), "{name}={value}: {told:?}");
    }
    assert_page(&ask(&world, &good.clone().and("state", "another")).await, 400);
    assert_page(&ask(&world, &instead(&good, "state", &"x".repeat(10_000))).await, 400);
    // The client is told, with its state, and by whom.
    for (name, value, code) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("resource", "https://elsewhere.example/mcp", "invalid_target"),
        ("resource", &format!("{}.evil.example/mcp", world.public), "invalid_target"),
        ("resource", &world.admin, "invalid_target"),
        ("resource", "", "invalid_target"),
    ] {
        let back = sent_back(&ask(&world, &instead(&good, name, value)).await);
        assert_eq!(
            (&*back["error"], &*back["state"], &*back["iss"]),
            (code, "s t&ate", &*world.issuer),
            "{name}={value}"
        );
        assert!(!back.contains_key("code"), "{name}={value}");
    }
}

/// A page that no other page can frame, and nothing in it runs.
fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!((answer.header("x-frame-options"), answer.header("cache-control")), (Some("DENY"), Some("no-store")));
    assert_eq!(answer.header("access-control-allow-origin"), None, "no other page may read it");
    assert!(!String::from_utf8_lossy(&answer.body).contains("<i>"), "a client's name is text");
}

#[tokio::test]
async fn a_form_is_sent_once_from_our_page_by_somebody_who_chose() {
    let world = World::demo();
    let client = Client::register(&world).await;
    let good = [("tenant", "acme"), ("name", "ann"), ("answer", "allow")];
    assert_page(&ask(&world, &client.query(&world)).await, 200);

    let page = Page::open(&world, &client.query(&world)).await;
    assert!(page.submit(&good).await.contains_key("code"));
    assert_page(&page.post(&good).await, 400);

    for wrong in [
        [("tenant", ""), ("name", "ann")],
        [("tenant", "umbrella"), ("name", "ann")],
        [("tenant", "acme"), ("name", " ")],
        [("tenant", "acme"), ("name", "a\nb")],
        [("tenant", "acme"), ("name", &"x".repeat(65))],
    ] {
        let page = Page::open(&world, &client.query(&world)).await;
        let again = page.post(&wrong).await;
        assert_page(&again, 400);
        assert!(String::from_utf8_lossy(&again.body).contains("<form"), "the person may try again: {again:?}");
        assert_page(&page.post(&good).await, 400);
    }
    let page = Page::open(&world, &client.query(&world)).await;
    assert_eq!(page.submit(&[("answer", "deny")]).await["error"], "access_denied");

    let page = Page::open(&world, &client.query(&world)).await;
    let body = format!("form={}&tenant=acme&name=ann&answer=allow", page.form());
    let post = Ask::new(Method::POST, &format!("{}/authorize", world.issuer)).body(body);
    assert_page(&post.clone().header("origin", "https://evil.example").send().await, 400);
    assert_eq!(post.header("origin", &world.issuer).send().await.status, 303, "the other did not spend it");
}

#[tokio::test]
async fn a_code_that_does_not_fit_is_spent() {
    let world = World::demo();
    let (client, other) = (Client::register(&world).await, Client::register(&world).await);
    for (name, value, status, code) in [
        ("code_verifier", &*another_verifier(), 400, "invalid_grant"),
        ("code_verifier", "", 400, "invalid_request"),
        ("client_id", &other.id, 400, "invalid_grant"),
        ("client_id", "unknown", 401, "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:1/callback", 400, "invalid_grant"),
        ("resource", &format!("{}/mcp", world.public), 400, "invalid_target"),
        ("code", "unknown", 400, "invalid_grant"),
        ("grant_type", "client_credentials", 400, "unsupported_grant_type"),
        ("grant_type", "password", 400, "unsupported_grant_type"),
    ] {
        let code_given = client.code(&world).await;
        let good = client.redeeming(&world, &code_given);
        let refused = token(&world, &instead(&good, name, value)).await;
        assert_eq!((refused.status.as_u16(), error(&refused.json())), (status, code), "{name}={value}");
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        // What reached the code has spent it; what did not left it good.
        let reached = ["invalid_target", "invalid_grant"].contains(&code) && name != "code";
        assert_eq!(token(&world, &good).await.status.is_success(), !reached, "{name}={value}");
    }
}

#[tokio::test]
async fn what_is_used_twice_ends_the_sign_in() {
    let world = World::demo();
    let client = Client::register(&world).await;
    let code = client.code(&world).await;
    let first = client.redeem(&world, &code).await.json();
    assert_eq!(error(&client.redeem(&world, &code).await.json()), "invalid_grant");
    let refresh = first["refresh_token"].as_str().unwrap();
    assert_eq!(error(&client.refresh(&world, refresh).await.json()), "invalid_grant", "a code came twice");

    let query = client.query(&world);
    let tokens = client.sign_in(&world, &query, "acme", "ann").await;
    let used = tokens["refresh_token"].as_str().unwrap();
    let next = client.refresh(&world, used).await.json();
    assert_eq!(error(&client.refresh(&world, used).await.json()), "invalid_grant");
    let next = next["refresh_token"].as_str().unwrap();
    assert_eq!(error(&client.refresh(&world, next).await.json()), "invalid_grant", "a refresh token came twice");
}

#[tokio::test]
async fn a_refresh_token_is_its_clients_and_its_resources() {
    let world = World::demo();
    let (client, other) = (Client::register(&world).await, Client::register(&world).await);
    let tokens = client.sign_in(&world, &client.query(&world), "acme", "ann").await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(error(&other.refresh(&world, refresh).await.json()), "invalid_grant");
    let elsewhere = Query::default()
        .with("grant_type", "refresh_token")
        .with("client_id", &client.id)
        .with("refresh_token", refresh)
        .with("resource", &format!("{}/mcp", world.public));
    assert_eq!(error(&token(&world, &elsewhere).await.json()), "invalid_target");
    assert_eq!(client.refresh(&world, refresh).await.status, 200, "neither spent it");
}

#[tokio::test]
async fn only_our_names_are_answered_and_only_programs_may_cross_origins() {
    let world = World::demo();
    let metadata = format!("{}/.well-known/oauth-authorization-server", world.issuer);
    let rebound = Ask::new(Method::GET, &metadata).header("host", "evil.example").send().await;
    assert_eq!(rebound.status, 403, "{rebound:?}");
    for (path, allowed) in [
        ("/.well-known/oauth-authorization-server", Some("*")),
        ("/jwks", Some("*")),
        ("/register", Some("*")),
        ("/token", Some("*")),
        ("/authorize", None),
    ] {
        let asked = Ask::new(Method::OPTIONS, &format!("{}{path}", world.issuer))
            .header("origin", "http://localhost:6274")
            .header("access-control-request-method", "POST");
        let answer = asked.send().await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{path}: {answer:?}");
        assert_eq!(answer.status.is_success(), allowed.is_some(), "{path}");
    }
    assert!(CALLBACK.starts_with("http://127.0.0.1"));
}
