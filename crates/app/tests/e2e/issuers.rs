//! `partywall issuer`: the way to a token of a provider, walked from its metadata to a tenant.

use std::process::Output;

use axum::routing::get;
use axum::{Json, Router};
use partywall_testkit::token::{Claims, Issuer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::process::{partywall, partywall_with};
use crate::told::{all, assert_told, stderr, stdout};
use crate::world::World;

/// A provider on this host, which serves metadata and keys until the test's runtime ends.
struct Provider(Issuer);

impl Provider {
    /// One with this in its metadata beside what all have; `null` takes something out.
    async fn start(changes: Value) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Issuer::new(&url);
        let mut metadata = json!({
            "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"), "registration_endpoint": format!("{url}/register"),
            "code_challenge_methods_supported": ["S256"], "client_id_metadata_document_supported": true,
        });
        metadata.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap());
        metadata.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let keys = issuer.jwks();
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { Json(metadata) }))
            .route("/keys", get(move || async move { Json(keys) }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(issuer)
    }

    /// Its document and a tenant's that it means.
    fn documents(&self, more: &str) -> String {
        format!(
            "[issuer.sso]\nurl = \"{}\"\ntenant_claim = \"tenant\"\nprivate_networks = [\"127.0.0.0/8\"]\n{more}\n\
             [tenant.initech]\nplan = \"standard\"\nidentities = [{{ issuer = \"sso\", value = \"initech\" }}]\n",
            self.0.url()
        )
    }

    fn token(&self, world: &World, change: impl FnOnce(Claims) -> Claims) -> String {
        self.0.token(change(self.0.claims(&format!("{}/mcp", world.public)).tenant("initech")))
    }
}

fn test(world: &World, arguments: &[&str]) -> Output {
    let base = ["issuer", "test", "sso", "--data", world.data().to_str().unwrap()];
    partywall(&[&base, arguments].concat())
}

fn test_token(world: &World, token: &str) -> Output {
    let arguments = ["issuer", "test", "sso", "--data", world.data().to_str().unwrap(), "--token", "-"];
    let output = partywall_with(&arguments, token);
    for said in [stdout(&output), stderr(&output)] {
        let parts = token.split('.').filter(|part| part.len() > 8);
        assert!(parts.clone().all(|part| !said.contains(part)), "the token is printed: {said}");
    }
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_way_to_a_token_is_walked_and_told() {
    let world = World::demo();
    let provider = Provider::start(json!({})).await;
    world.must_apply(&provider.documents(""));
    let output = test(&world, &[]);
    assert_told("issuer-test", world.data(), &all(&output));
    let steps: Value = serde_json::from_slice(&test(&world, &["--output", "json"]).stdout).unwrap();
    let outcomes: Vec<_> = steps.as_array().unwrap().iter().map(|step| step["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok"; 6]);

    let output = test_token(&world, &provider.token(&world, |claims| claims));
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    assert!(said.contains("it enters tenant `initech`"), "{said}");

    let list = partywall(&["issuer", "list", "--data", world.data().to_str().unwrap()]);
    assert_told("issuer-list", world.data(), &all(&list));
    let none = partywall(&["issuer", "test", "nobody", "--data", world.data().to_str().unwrap()]);
    assert_told("issuer-test-nobody", world.data(), &all(&none));
}

/// What is other in the metadata or the document, the steps that fail for it, and what one of them says.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_step_that_fails_says_what_to_change() {
    let world = World::demo();
    let elsewhere = "http://127.0.0.1:9/keys";
    let rows: [(Value, &str, &[&str], &str); 9] = [
        (json!({ "code_challenge_methods_supported": null }), "", &["pkce"], "MCP clients refuse to sign in"),
        (json!({ "code_challenge_methods_supported": ["plain"] }), "", &["pkce"], "turn on PKCE with S256"),
        (json!({ "issuer": "https://other.example" }), "", &["metadata", "keys"], "is the metadata of `https://other"),
        (json!({ "jwks_uri": null }), "", &["metadata", "keys"], "jwks_uri"),
        (json!({ "jwks_uri": elsewhere }), "", &["keys"], "127.0.0.1:9 cannot be reached"),
        (json!({ "registration_endpoint": null, "client_id_metadata_document_supported": null }), "", &[], "by hand"),
        (json!({ "authorization_endpoint": null }), "", &[], "only machines"),
        (json!({}), "profile = \"entra\"\n", &["audience"], "name it in `audiences`"),
        (json!({}), "profile = \"entra\"\naudiences = [\"api\"]\n", &[], "one of `audiences`: api"),
    ];
    for (metadata, document, expected, told) in rows {
        let provider = Provider::start(metadata.clone()).await;
        world.must_apply(&provider.documents(document));
        let output = test(&world, &[]);
        let said = stdout(&output);
        let failed: Vec<_> =
            said.lines().filter_map(|line| line.strip_prefix("FAILED")?.split_whitespace().next()).collect();
        assert_eq!(failed, expected, "{metadata} {document}: {said}");
        assert!(said.contains(told), "{metadata} {document}: {said}");
        assert_eq!(output.status.code(), Some(i32::from(!expected.is_empty())), "{metadata} {document}");
    }
}

/// What is other in the token, the lines that fail for it, and what one of them says.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_is_told_beside_what_is_expected_of_it() {
    let world = World::demo();
    let provider = Provider::start(json!({})).await;
    world.must_apply(&provider.documents("clients = [\"agent\"]\n"));
    let good = |change: fn(Claims) -> Claims| provider.token(&world, change);
    let id_token = provider.0.raw(
        json!({ "typ": "JWT", "alg": "ES256", "kid": "key-1" }).to_string(),
        Value::from(provider.0.claims(&format!("{}/mcp", world.public)).tenant("initech")).to_string(),
    );
    let rows: Vec<(String, &[&str], &str)> = vec![
        (good(|claims| claims.with("aud", "api://other")), &["aud"], "`api://other`, and the document expects"),
        (good(|claims| claims.with("aud", "agent")), &["aud"], "name what it writes in `audiences`"),
        (good(|claims| claims.without("aud")), &[], "the client counts in its place"),
        (good(|claims| claims.client("stranger")), &["client"], "none of the document's `clients`"),
        (good(|claims| claims.without("tenant")), &["tenant", "gateway"], "let the provider add it"),
        (good(|claims| claims.with("tenant", json!(["initech"]))), &["tenant"], "is not one text"),
        (good(|claims| claims.tenant("hooli")), &["gateway"], "no tenant has the identity"),
        (good(|claims| claims.with("iss", "https://other.example")), &["iss"], "`https://other.example`, and"),
        (good(|claims| claims.issued_at(1_700_000_000)), &["time"], "get a new one"),
        (id_token, &["kind"], "an ID token, or another `profile`?"),
        ("ya29.a0ARrdaM".to_owned(), &["token"], "it is opaque"),
        ("a.b.c".to_owned(), &["token"], "was it copied whole?"),
    ];
    for (token, expected, told) in rows {
        let output = test_token(&world, &token);
        let said = stdout(&output);
        let failed = said.lines().filter(|line| line.starts_with("FAILED")).collect::<Vec<_>>().join("\n");
        for name in expected {
            let step = if ["gateway", "token"].contains(name) {
                format!("FAILED  {name}")
            } else {
                format!("FAILED  token {name}")
            };
            assert!(failed.contains(&step), "`{step}` is not in: {said}");
        }
        assert!(said.contains(told), "`{told}` is not in: {said}");
        assert_eq!(output.status.success(), expected.is_empty(), "{said}");
        // Whatever is wrong with the token, the gateway refuses it too.
        assert!(expected.is_empty() || failed.contains("FAILED  gateway"), "{said}");
    }
}

/// A customer's own issuer gives tokens for the customer's own URL.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_customers_own_issuer_is_walked_to_the_customers_own_url() {
    const ID: &str = "q7Jt0m4bC9xXo2Lw5ZsVnA";
    let world = World::demo();
    let provider = Provider::start(json!({})).await;
    let own = provider.documents("").replace("tenant_claim = \"tenant\"\n", "").replace(", value = \"initech\"", "");
    world.must_apply(&format!(
        "{own}connect_id = \"{ID}\"\n\n[tenant.globex]\nplan = \"standard\"\nconnect_id = \"a{ID}\"\n\
         identities = [{{ issuer = \"development\", value = \"globex\" }}]\n"
    ));
    let said = stdout(&test(&world, &[]));
    assert!(said.contains(&format!("/c/{ID}/mcp`")), "{said}");
    assert!(said.contains("every token of this issuer means its one tenant"), "{said}");
    let public = &world.public;
    for (audience, enters) in [
        (format!("{public}/mcp"), true),
        (format!("{public}/c/{ID}/mcp"), true),
        (format!("{public}/c/{ID}/mcp/notes"), true),
        (format!("{public}/c/a{ID}/mcp"), false),
        (format!("{public}/c/{ID}"), false),
    ] {
        let output = test_token(&world, &provider.token(&world, |claims| claims.with("aud", audience.as_str())));
        let said = stdout(&output);
        assert_eq!(output.status.success(), enters, "{audience}: {said}");
        assert_eq!(said.contains("it enters tenant `initech`"), enters, "{audience}: {said}");
    }
}
