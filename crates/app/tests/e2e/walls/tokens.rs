//! A token that is not exactly right is no token: one answer to all, whatever is wrong with it.

use std::time::{SystemTime, UNIX_EPOCH};

use partywall_testkit::token::{Issuer, encode};
use serde_json::{Value, json};

use super::{Visitor, assert_alike};
use crate::corporate::{self, Corporate, write_documents};
use crate::http::Answer;
use crate::world::World;

/// A demo in which acme, and it alone, also enters by an issuer of its own.
fn world(corporate: &Corporate) -> World {
    let world = World::demo();
    let identities = json!([{"issuer": "development", "value": "acme"}, {"issuer": "corporate", "value": "acme"}]);
    let tenant = json!({"acme": {"plan": "standard", "identities": identities}});
    let documents = json!({"issuer": {"corporate": corporate.document()}, "tenant": tenant});
    let applied = world.run(&["apply", "-f", &write_documents(world.data(), &documents)]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    world
}

async fn answer(world: &World, token: &str) -> Answer {
    Visitor::modern(world, "notes", token).send("tools/list", json!({})).await
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let corporate = Corporate::new();
    let world = world(&corporate);
    let public = &world.public;
    let good = || corporate.claims(public, "acme", "ann");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(answer(&world, &corporate.0.token(good())).await.status, 200);

    let payload = Value::from(good()).to_string();
    let unsigned =
        |alg: &str| format!("{}.{}.", encode(json!({"typ": "at+jwt", "alg": alg}).to_string()), encode(&payload));
    let stranger = Issuer::new("https://login.stranger.example");
    let impostor = Issuer::new(corporate::URL);
    let development = world.issuer.clone();
    let wrong = [
        ("an unknown issuer", stranger.token(good().with("iss", stranger.url()))),
        ("another's key", impostor.token(good())),
        ("the demo's issuer, by another's key", corporate.0.token(good().with("iss", development))),
        ("the audience of another server", corporate.0.token(good().with("aud", format!("{public}/mcp/other")))),
        ("the audience of another gateway", corporate.0.token(good().with("aud", "https://elsewhere.example/mcp"))),
        ("no audience", corporate.0.token(good().without("aud"))),
        ("a token that is over", corporate.0.token(good().issued_at(now - 3_600))),
        ("a token without an end", corporate.0.token(good().without("exp"))),
        ("no signature", unsigned("none")),
        ("no signature, by another case", unsigned("None")),
        ("a signature cut off", format!("{}.{}.", encode(corporate.0.header().to_string()), encode(&payload))),
        ("an id token", corporate.0.raw(corporate.0.header().to_string().replace("at+jwt", "JWT"), &payload)),
    ];
    let first = answer(&world, &wrong[0].1).await;
    assert_eq!(first.status, 401, "{first:?}");
    for (what, token) in &wrong {
        let refused = answer(&world, token).await;
        assert_eq!(refused.status, 401, "{what}: {refused:?}");
        assert_alike((&refused, ""), (&first, ""));
    }
}

#[tokio::test]
async fn an_issuer_speaks_for_its_own_tenants_alone() {
    let corporate = Corporate::new();
    let world = world(&corporate);
    let claims = || corporate.claims(&world.public, "acme", "ann");
    let refused = [
        ("a tenant of another issuer", claims().tenant("globex")),
        ("a tenant that is not there", claims().tenant("umbrella")),
        ("another case", claims().tenant("ACME")),
        ("a list", claims().with("tenant", json!(["acme"]))),
        ("no tenant", claims().without("tenant")),
    ];
    let first = answer(&world, &corporate.0.token(claims().tenant("umbrella"))).await;
    assert_eq!(first.status, 403, "{first:?}");
    assert_eq!(first.header("www-authenticate"), None, "a challenge would send the client for more scopes");
    for (what, claims) in refused {
        let refused = answer(&world, &corporate.0.token(claims)).await;
        assert!(matches!(refused.status.as_u16(), 401 | 403), "{what}: {refused:?}");
        if refused.status == 403 {
            assert_alike((&refused, ""), (&first, ""));
        }
    }
    let twice = Visitor::modern(&world, "notes", &world.token("globex", "gus")).ask("tools/list", json!({}));
    let twice = twice.header("authorization", &format!("Bearer {}", world.token("acme", "ann"))).send().await;
    assert_eq!(twice.status, 400, "two tokens are none: {twice:?}");
}
