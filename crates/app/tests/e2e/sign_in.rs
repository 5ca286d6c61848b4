//! Signing in to a demo: what a client does that has no token, and everything that gets it none.

mod flow;
mod people;
mod refused;

use http::Method;
use serde_json::{Value, json};

use crate::http::Ask;
use crate::scripted::until;
use crate::world::World;
use flow::{Client, Page, Query, VERIFIER};

/// Documents in which a tool of notes needs a scope.
const SCOPED: &str = "[plan.standard.servers.notes.scopes]\nadd = [\"notes:write\"]\n\
                      [plan.standard.servers.notes]\nplacement = \"shared\"\n\
                      tools = { allow = [\"add\", \"list\"] }\nresources = { allow = [\"note://*\"] }\n";

async fn call(world: &World, token: &str, tool: &str) -> crate::http::Answer {
    let params = json!({"name": tool, "arguments": {"text": "from a page"}});
    Ask::modern(&world.url("notes"), token, "tools/call", params).send().await
}

#[tokio::test]
async fn a_client_finds_its_way_from_a_refusal_to_a_token() {
    let world = World::demo();
    let refused = Ask::modern(&world.url("notes"), "", "tools/list", json!({})).without("authorization").send().await;
    let challenge = refused.header("www-authenticate").unwrap().to_owned();
    let metadata = challenge.split('"').find(|part| part.starts_with("http")).unwrap();
    let resource = Ask::new(Method::GET, metadata).send().await.json();
    assert_eq!(resource["authorization_servers"], json!([world.issuer]));
    for path in ["oauth-authorization-server", "openid-configuration"] {
        let found = Ask::new(Method::GET, &format!("{}/.well-known/{path}", world.issuer)).send().await;
        assert_eq!(found.header("access-control-allow-origin"), Some("*"));
        let found = found.json();
        assert_eq!(found["issuer"], json!(world.issuer));
        assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(found["authorization_response_iss_parameter_supported"], json!(true));
        assert_eq!(found["grant_types_supported"], json!(["authorization_code", "refresh_token"]));
    }

    let client = Client::register(&world).await;
    let page = Page::open(&world, &client.query(&world)).await;
    assert_eq!(page.tenants(), ["acme", "globex"]);
    let back = page.submit(&[("tenant", "globex"), ("name", "gus"), ("answer", "allow")]).await;
    assert_eq!((&*back["state"], &*back["iss"]), ("s t&ate", &*world.issuer));
    let tokens = client.redeem(&world, &back["code"]).await.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let first = tokens["access_token"].as_str().unwrap();
    assert_eq!(call(&world, first, "list").await.status, 200);
    let line = until("the call is logged", || world.log_lines("\"event\":\"call\"").pop()).await.to_string();
    assert!(line.contains("\"globex\"") && line.contains("\"gus\""), "{line}");

    let again = client.refresh(&world, tokens["refresh_token"].as_str().unwrap()).await.json();
    let second = again["access_token"].as_str().unwrap();
    assert_ne!((first, &tokens["refresh_token"]), (second, &again["refresh_token"]));
    assert_eq!(call(&world, second, "list").await.status, 200);
}

#[tokio::test]
async fn a_person_gives_the_scopes_that_were_asked_for_or_fewer() {
    let world = World::demo();
    world.must_apply(SCOPED);
    let client = Client::register(&world).await;
    for (ticked, given, status) in [(&["notes:write"][..], "notes:write", 200), (&[], "", 403)] {
        let query = client.query(&world).with("scope", "offline_access notes:write");
        let page = Page::open(&world, &query).await;
        assert_eq!(page.scopes(), ["notes:write"], "what means nothing here is not offered");
        let mut fields = vec![("tenant", "acme"), ("name", "ann"), ("answer", "allow"), ("scope", "admin")];
        fields.extend(ticked.iter().map(|scope| ("scope", *scope)));
        let back = page.submit(&fields).await;
        let tokens = client.redeem(&world, &back["code"]).await.json();
        assert_eq!(tokens["scope"], json!(given));
        let answer = call(&world, tokens["access_token"].as_str().unwrap(), "add").await;
        assert_eq!(answer.status, status, "{answer:?}");
        let refresh = tokens["refresh_token"].as_str().unwrap();
        assert_eq!(client.refresh(&world, refresh).await.json()["scope"], json!(given));
    }
}

#[tokio::test]
async fn a_token_is_for_what_the_client_named_and_tokens_outlive_a_restart() {
    let world = World::demo();
    let client = Client::register(&world).await;
    let query = client.query(&world).with("resource", &world.url("other"));
    let tokens = client.sign_in(&world, &query, "acme", "ann").await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(call(&world, token, "list").await.status, 401, "it is for another server");
    let all = client.query(&world).with("resource", &format!("{}/mcp", world.public));
    let tokens = client.sign_in(&world, &all, "acme", "ann").await;
    assert_eq!(call(&world, tokens["access_token"].as_str().unwrap(), "list").await.status, 200);

    let (refresh, ports) = (tokens["refresh_token"].as_str().unwrap().to_owned(), [&world.public, &world.issuer]);
    let [listen, issuer] = ports.map(|url| url.trim_start_matches("http://").to_owned());
    let world = World::start(world.stop(), &["--listen", &listen, "--issuer-listen", &issuer]);
    assert_eq!(call(&world, tokens["access_token"].as_str().unwrap(), "list").await.status, 200);
    let forgotten = client.refresh(&world, &refresh).await;
    assert_eq!((forgotten.status.as_u16(), &forgotten.json()["error"]), (401, &json!("invalid_client")));
}

fn error(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_default()
}

/// Another verifier than the one that every client here has.
fn another_verifier() -> String {
    VERIFIER.chars().rev().collect()
}

/// The parameter of a request in place of the good one.
fn instead(query: &Query, name: &str, value: &str) -> Query {
    query.clone().with(name, value)
}
