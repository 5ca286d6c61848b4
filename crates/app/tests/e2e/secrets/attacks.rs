//! What gets nobody another tenant's secret: to name it, to lack one's own, to have the ciphertext.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::StatusCode;
use http_body_util::BodyExt as _;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{ACME_KEY, API_KEY, BEARER, GLOBEX_KEY, Stage, echo, server, values};
use crate::http::Ask;
use crate::told::stderr;
use crate::world::{Fixture, World};

#[tokio::test(flavor = "multi_thread")]
async fn naming_another_tenants_secret_gets_nothing() {
    let stage = Stage::set(API_KEY).await;
    let world = &stage.world;
    world.must_set("acme", "acmes-own", "acmes-own-61b2");
    let revision = world.revision();
    let own = API_KEY.replace("fixture-key", "acmes-own");
    for (auth, told) in [
        (own.as_str(), "asks for secret `acmes-own`, which tenant `globex` would not have"),
        (&API_KEY.replace("fixture-key", "acme/acmes-own"), "`acme/acmes-own` is not a name"),
        (&API_KEY.replace("fixture-key", "acme.acmes-own"), "`acme.acmes-own` is not a name"),
    ] {
        let refused = world.apply(&server(&stage.fixture.url, auth));
        assert_eq!(refused.status.code(), Some(1), "{auth}");
        assert!(stderr(&refused).contains(told), "{auth}: {}", stderr(&refused));
    }
    // A server of its own, which globex alone is granted, with the name of acme's secret.
    let upstream = &stage.fixture.url;
    let grant = "servers.mine = { placement = \"shared\", tools = { allow = [\"*\"] } }";
    let refused = world.apply(&format!(
        "[server.mine]\nurl = \"{upstream}\"\nsharing = \"stateless\"\nauth = {own}\n[tenant.globex]\nplan = \"enterprise\"\n\
         identities = [{{ issuer = \"development\", value = \"globex\" }}]\n{grant}\n"
    ));
    assert!(stderr(&refused).contains("which tenant `globex` would not have"), "{}", stderr(&refused));
    assert_eq!(world.revision(), revision, "something was stored");
    stage.fixture.received.clear();
    let answer = Ask::modern(&world.url("mine"), &stage.gus, "tools/call", echo()).send().await;
    assert_eq!(answer.status, 404);
    assert!(stage.fixture.received.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ciphertext_put_elsewhere_in_the_store_opens_for_nobody() {
    let Stage { fixture, world, .. } = Stage::set(API_KEY).await;
    let data = world.stop();
    // Somebody who can write the store: acme's ciphertext under globex's id, and a flipped bit in acme's own.
    let store = Connection::open(data.path().join("partywall.sqlite")).unwrap();
    let id = |name: &str| store.query_row("SELECT id FROM tenant WHERE name = ?1", [name], |row| row.get(0)).unwrap();
    let (acme, globex): (String, String) = (id("acme"), id("globex"));
    let sealed = "SELECT sealed FROM secret WHERE tenant_id = ?1 AND sealed IS NOT NULL";
    let of_acme: Vec<u8> = store.query_row(sealed, [&acme], |row| row.get(0)).unwrap();
    store.execute_batch("DROP TRIGGER secret_stands").unwrap();
    let put = |tenant: &str, sealed: &[u8]| {
        let sql = "UPDATE secret SET sealed = ?2 WHERE tenant_id = ?1 AND sealed IS NOT NULL";
        assert_eq!(store.execute(sql, (tenant, sealed)).unwrap(), 1);
    };
    put(&globex, &of_acme);
    let world = again(data, &fixture);
    let url = world.url("fixture");
    let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
    fixture.received.clear();
    refused(&world, &Ask::modern(&url, &gus, "tools/call", echo())).await;
    assert!(fixture.received.all().iter().all(|request| values(request, "x-api-key").is_empty()));
    let answer = Ask::modern(&url, &ann, "tools/call", echo()).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(values(fixture.received.all().last().unwrap(), "x-api-key"), [ACME_KEY]);

    let data = world.stop();
    let flipped: Vec<u8> =
        of_acme.iter().enumerate().map(|(at, byte)| if at == 20 { byte ^ 1 } else { *byte }).collect();
    put(&acme, &flipped);
    drop(store);
    let world = again(data, &fixture);
    fixture.received.clear();
    let ann = world.token("acme", "ann");
    refused(&world, &Ask::modern(&world.url("fixture"), &ann, "tools/call", echo())).await;
    assert!(fixture.received.all().iter().all(|request| values(request, "x-api-key").is_empty()));
    // Set anew, it is good again.
    world.must_set("acme", "fixture-key", "renewed-27aa");
    let answer = Ask::modern(&world.url("fixture"), &ann, "tools/call", echo()).send().await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The same world once more; a demo that starts applies its own documents, so ours come again.
fn again(data: TempDir, fixture: &Fixture) -> World {
    let world = World::start(data, &[]);
    world.must_apply(&fixture.documents());
    world.must_apply(&server(&fixture.url, API_KEY));
    world
}

/// The caller learns that something is missing, the operator what.
async fn refused(world: &World, ask: &Ask) {
    let answer = ask.send().await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(50_300), &json!("the credential for this server is missing; ask your administrator"))
    );
    let request = answer.header("partywall-request-id").unwrap();
    let explained = world.run(&["explain", request, "--output", "json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    let verdict = &explained["verdict"];
    assert_eq!(verdict["refusal"], "no_credential");
    assert!(verdict["why"].as_str().unwrap().starts_with("secret `fixture-key` does not open"), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_answers_with_a_key_alone_is_served_and_never_asked_with_one() {
    let upstream = Keyed::start().await;
    let world = World::demo();
    let tenant = |name: &str, plan: &str| {
        format!(
            "[tenant.{name}]\nplan = \"{plan}\"\nidentities = [{{ issuer = \"development\", value = \"{name}\" }}]\n\
             servers.fixture = {{ placement = \"shared\", tools = {{ allow = [\"*\"] }} }}\n"
        )
    };
    world.must_set("acme", "fixture-key", ACME_KEY);
    // Without `auth` it is no server that anybody could use.
    let refused = world.apply(&server(&upstream, "\"none\""));
    assert!(stderr(&refused).contains("does not answer as an MCP server: 401"), "{}", stderr(&refused));
    let unproven = server(&upstream, API_KEY).replace("stateless", "assertion");
    let refused = world.apply(&unproven);
    assert!(stderr(&refused).contains("cannot be shown that it verifies assertions"), "{}", stderr(&refused));
    world.must_apply(&[server(&upstream, API_KEY), tenant("acme", "standard")].join(""));

    let ann = world.token("acme", "ann");
    let url = world.url("fixture");
    for method in ["server/discover", "tools/call"] {
        let answer = Ask::modern(&url, &ann, method, echo()).send().await;
        assert_eq!(answer.json()["result"]["key"], ACME_KEY, "{method}");
    }
    // The wrong key is as none; the upstream's own words stay behind.
    world.must_set("globex", "fixture-key", GLOBEX_KEY);
    world.must_apply(&tenant("globex", "enterprise"));
    let answer = Ask::modern(&url, &world.token("globex", "gus"), "tools/call", echo()).send().await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_GATEWAY, Some(50_200)));
    world.must_apply(&server(&upstream, BEARER));
}

/// An upstream that knows acme's key, and answers with the one it was shown.
struct Keyed;

impl Keyed {
    async fn start() -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let app = Router::new().route("/mcp", any(answer)).with_state(ACME_KEY);
        tokio::spawn(async { axum::serve(listener, app).await });
        url
    }
}

async fn answer(State(key): State<&'static str>, request: Request) -> Response {
    let shown = request.headers().get("x-api-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    if shown.as_deref() != Some(key) {
        return (StatusCode::UNAUTHORIZED, "what key is that?").into_response();
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap();
    let result = json!({ "resultType": "complete", "content": [], "key": shown });
    axum::Json(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })).into_response()
}
