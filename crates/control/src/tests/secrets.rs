//! Secrets of tenants through the admin API: what is set, what is told of it, what is refused, and what is sealed anew.

use axum::body::Body;
use axum::http::StatusCode;
use partywall_domain::SecretName;
use partywall_secrets::{SecretKey, SecretKeys};
use serde_json::{Value, json};

use super::world::{ACME, BASE, World, json, operator, request, secret_keys, world, world_with};

const VALUE: &str = "xyzzy-8f2a";
const BOTH: &str = "version = 1\n[tenant.acme]\nplan = \"bare\"\n[tenant.globex]\nplan = \"bare\"\n[plan.bare]\n";
/// A server that asks for a secret, and a tenant that is granted it.
const KEYED: &str = "version = 1\n[server.keyed]\nurl = \"http://127.0.0.1:9002/mcp\"\nsharing = \"stateless\"\n\
    auth = { kind = \"header\", name = \"X-Api-Key\", secret = \"notes-key\" }\n";
const GRANTED: &str = "version = 1\n[tenant.acme]\nplan = \"bare\"\nservers.keyed = { placement = \"shared\" }\n";

#[tokio::test]
async fn a_secret_is_set_listed_and_taken_away_and_never_told() {
    let world = world();
    world.applied(&[("both.toml", BOTH)]).await;
    let set = world.ask("PUT", "/api/v1/tenants/acme/secrets/notes-key", &json!({ "value": VALUE })).await;
    let applied = json!([{ "kind": "tenant", "name": "acme", "change": "changed" }]);
    assert_eq!((set.0, &set.1["revision"], &set.1["changes"]), (StatusCode::OK, &json!(2), &applied));

    let (_, listed) = world.get("/api/v1/tenants/acme/secrets").await;
    let line = &listed["secrets"][0];
    assert_eq!((&line["name"], &line["revision"], &line["author"]), (&json!("notes-key"), &json!(2), &json!("ann")));
    assert_eq!((&line["epoch"], &line["servers"], &listed["epoch"]), (&json!(1), &json!([]), &json!(1)));
    assert_eq!(world.get("/api/v1/tenants/globex/secrets").await.1["secrets"], json!([]));

    let (_, history) = world.get("/api/v1/config/history?document=tenant.acme").await;
    assert_eq!(history["revisions"][0]["reason"], "secret `notes-key` of `acme` set");
    let gone = world.ask("DELETE", "/api/v1/tenants/acme/secrets/notes-key?reason=moved", &Value::Null).await;
    assert_eq!((gone.0, &gone.1["revision"]), (StatusCode::OK, &json!(3)));
    assert_eq!(world.get("/api/v1/tenants/acme/secrets").await.1["secrets"], json!([]));

    let field =
        |before: Value, after: Value| json!([{ "path": "secrets.notes-key", "before": before, "after": after }]);
    let set = json!("set in revision 2");
    for (query, expected) in [
        ("from=1&to=2", field(Value::Null, set.clone())),
        ("from=2&to=3", field(set.clone(), Value::Null)),
        ("from=3&to=2", field(Value::Null, set)),
    ] {
        let (_, differences) = world.get(&format!("/api/v1/config/diff?{query}")).await;
        assert_eq!(differences["changes"][0]["fields"], expected, "{query}");
    }
    assert_eq!(world.get("/api/v1/config/diff?from=1&to=3").await.1["changes"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_and_not_cited() {
    let world = world();
    world.applied(&[("both.toml", BOTH)]).await;
    let value = |value: &str| json!({ "value": value });
    let long = format!("{VALUE}{}", "x".repeat(4 << 10));
    let rows = [
        ("acme/secrets/k", value(""), 400, "the value is empty"),
        ("acme/secrets/k", value(&long), 400, "the value is longer than 4096 bytes"),
        ("acme/secrets/k", value(&format!("{VALUE}\nX-Admin: 1")), 400, "the value has a line break"),
        ("acme/secrets/k", value(&format!("{VALUE} ")), 400, "the value begins or ends with a space"),
        ("acme/secrets/k", json!({ "value": 80_214_431 }), 400, "the body is not what this route takes"),
        ("acme/secrets/k", json!({ "value": VALUE, VALUE: 1 }), 400, "the body is not what this route takes"),
        ("acme/secrets/globex%2Fk", value(VALUE), 400, "`globex/k` is not a name"),
        ("acme/secrets/K", value(VALUE), 400, "`K` is not a name"),
        ("nobody/secrets/k", value(VALUE), 404, "there is no `tenant.nobody`"),
    ];
    for (path, body, status, message) in rows {
        let (answered, answer) = world.ask("PUT", &format!("/api/v1/tenants/{path}"), &body).await;
        let told = answer.to_string();
        assert_eq!(answered.as_u16(), status, "{path}: {told}");
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(message), "{path}: {told}");
        assert!(!told.contains(VALUE) && !told.contains("80214431"), "{path}: {told}");
    }
    for path in ["acme/secrets/k", "nobody/secrets/k"] {
        assert_eq!(world.ask("DELETE", &format!("/api/v1/tenants/{path}"), &Value::Null).await.0, 404, "{path}");
    }
    assert_eq!(world.revision().0, 1, "nothing was changed");
}

#[tokio::test]
async fn a_tenant_has_no_more_than_it_may() {
    let world = world();
    world.applied(&[("both.toml", BOTH)]).await;
    for number in 0..64 {
        assert_eq!(world.set("acme", &format!("k{number}")).await.0, 200);
    }
    let (status, answer) = world.set("acme", "k64").await;
    assert_eq!(status, 409, "{answer}");
    assert_eq!(world.set("acme", "k63").await.0, 200, "one that stands is replaced all the same");
    assert_eq!(world.set("globex", "k64").await.0, 200);
}

#[tokio::test]
async fn a_server_that_asks_for_a_secret_is_granted_to_nobody_without() {
    let world = world();
    world.applied(&[("both.toml", BOTH), ("keyed.toml", KEYED)]).await;
    let told = "tenant.acme.servers.keyed: server `keyed` asks for secret `notes-key`, which tenant `acme` would not \
                have; set it first, with `partywall secret set acme notes-key`\n";
    let by_plan = "version = 1\n[plan.bare.servers.keyed]\nplacement = \"shared\"\n";
    let created =
        "version = 1\n[tenant.initech]\nplan = \"keyed\"\n[plan.keyed.servers.keyed]\nplacement = \"shared\"\n";
    // The other tenant has one of the same name; it is the other tenant's.
    assert_eq!(world.set("globex", "notes-key").await.0, 200);
    assert_eq!(world.mistakes(&[("grant.toml", GRANTED)]).await, format!("grant.toml:4:9: {told}"));
    assert_eq!(world.mistakes(&[("plan.toml", by_plan)]).await, format!("-: {told}"));
    let told_of_new = world.mistakes(&[("new.toml", created)]).await;
    assert!(told_of_new.contains("which tenant `initech` would not have"), "{told_of_new}");
    // An instance that the gateway starts is spoken to over streams, which have no headers.
    let started = format!("{KEYED}[server.keyed.command]\nrun = [\"/bin/true\"]\n");
    let own = GRANTED.replace("\"shared\"", "\"process\"");
    world.applied(&[("keyed.toml", &started), ("grant.toml", &own)]).await;
    world.applied(&[("keyed.toml", KEYED), ("both.toml", BOTH)]).await;

    assert_eq!(world.set("acme", "notes-key").await.0, 200);
    world.applied(&[("grant.toml", GRANTED)]).await;
    let (_, listed) = world.get("/api/v1/tenants/acme/secrets").await;
    assert_eq!(listed["secrets"][0]["servers"], json!(["keyed"]));
    let (status, refused) = world.ask("DELETE", "/api/v1/tenants/acme/secrets/notes-key", &Value::Null).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(format!("-: {}: {}\n", path(&refused), message(&refused)), format!("-: {told}"));
    assert_eq!(world.ask("DELETE", "/api/v1/tenants/globex/secrets/notes-key", &Value::Null).await.0, 200);
    // A server that asks for another one from now on takes along whom it is granted to.
    let other = KEYED.replace("notes-key", "other-key");
    assert!(world.mistakes(&[("keyed.toml", &other)]).await.contains("asks for secret `other-key`"));
}

#[tokio::test]
async fn documents_and_rollbacks_leave_secrets_as_they_are() {
    let world = world();
    world.applied(&[("base.toml", BASE), ("acme.toml", ACME)]).await;
    assert_eq!(world.set("acme", "notes-key").await.0, 200);
    let sealed = world.sealed();
    world.applied(&[("acme.toml", &ACME.replace("calls_burst = 7", "calls_burst = 8"))]).await;
    assert_eq!(world.sealed(), sealed);
    // To before the secret was there: what stood then stands again, and the secret is no part of it.
    let (status, _) = world.ask("POST", "/api/v1/config/rollback", &json!({ "to": 1 })).await;
    assert_eq!((status, world.sealed()), (StatusCode::OK, sealed.clone()));
    let (_, dry) =
        world.ask("PUT", "/api/v1/tenants/acme/secrets/notes-key", &json!({ "value": VALUE, "dry_run": true })).await;
    let field = json!([{ "path": "secrets.notes-key", "before": "sealed in epoch 1", "after": "sealed in epoch 1" }]);
    assert_eq!((&dry["changes"][0]["fields"], &dry["enforced"]), (&field, &Value::Null));
    assert_eq!(world.sealed(), sealed);
}

#[tokio::test]
async fn secrets_are_sealed_anew_and_what_was_sealed_before_is_gone() {
    let world = world();
    world.applied(&[("both.toml", BOTH)]).await;
    for (tenant, name) in [("acme", "a"), ("acme", "b"), ("globex", "a")] {
        assert_eq!(world.set(tenant, name).await.0, 200);
    }
    let old = world.sealed();
    let world = world_with(world, secret_keys(2));
    assert_eq!(world.set("acme", "b").await.0, 200);
    let (status, refused) = world.ask("POST", "/api/v1/secrets/rotate", &json!({ "tenant": "nobody" })).await;
    assert_eq!(status, 404, "{refused}");
    let (_, one) = world.ask("POST", "/api/v1/secrets/rotate", &json!({ "tenant": "globex" })).await;
    assert_eq!(one["changes"].as_array().unwrap().len(), 1);
    let (_, rest) = world.ask("POST", "/api/v1/secrets/rotate", &json!({})).await;
    assert_eq!(rest["changes"], json!([{ "kind": "tenant", "name": "acme", "change": "changed" }]));
    let new = world.sealed();
    assert!(new.iter().all(|(_, epoch, sealed)| *epoch == 2 && !old.iter().any(|(_, _, old)| old == sealed)));
    let (_, nothing) = world.ask("POST", "/api/v1/secrets/rotate", &json!({})).await;
    assert_eq!((&nothing["changes"], &nothing["revision"]), (&json!([]), &json!(world.revision().0)));
}

#[tokio::test]
async fn what_does_not_open_is_named_and_nothing_is_sealed_anew() {
    let world = world();
    world.applied(&[("both.toml", BOTH)]).await;
    assert_eq!(world.set("acme", "a").await.0, 200);
    // A node whose keys are of another master key.
    let key = |epoch| SecretKey::new(epoch, &[77; 32]).unwrap();
    let world = world_with(world, SecretKeys::new(key(2), vec![key(1)]));
    let (status, refused) = world.ask("POST", "/api/v1/secrets/rotate", &json!({})).await;
    assert_eq!(status, 409);
    let told = "tenant `acme`: secret `a` does not open";
    assert!(refused["error"]["message"].as_str().unwrap().starts_with(told), "{refused}");
}

fn path(refused: &Value) -> &str {
    refused["mistakes"][0]["path"].as_str().unwrap()
}

fn message(refused: &Value) -> &str {
    refused["mistakes"][0]["message"].as_str().unwrap()
}

impl World {
    async fn ask(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.send(request(method, path).body(body).unwrap()).await;
        (response.status(), json(response).await)
    }

    async fn set(&self, tenant: &str, name: &str) -> (StatusCode, Value) {
        self.ask("PUT", &format!("/api/v1/tenants/{tenant}/secrets/{name}"), &json!({ "value": VALUE })).await
    }

    /// Every secret that stands: whose it is, which key sealed it, and what stands in the store.
    fn sealed(&self) -> Vec<(SecretName, u32, Vec<u8>)> {
        let mut all = Vec::new();
        let ann = operator("ann");
        self.store
            .platform(&ann)
            .each(|document| {
                let secrets = document.secrets.into_iter();
                all.extend(secrets.map(|(name, sealed)| (name, sealed.epoch(), sealed.bytes().to_vec())));
            })
            .unwrap();
        all
    }
}
