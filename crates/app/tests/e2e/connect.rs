//! A customer with an issuer of its own comes by a URL of its own. The id in it says whose sign-in a client is shown, and
//! nothing else: whose call it is the token says.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::Method;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};

use crate::corporate::write_documents;
use crate::http::{Answer, Ask};
use crate::world::{Fixture, World, log_file};

/// In the URL of hooli, which has an issuer of its own.
const HOOLI: &str = "hooli_9f4c1d2e8b7a605142";
/// In the URL of globex, which enters by the demo's issuer, as everybody does.
const GLOBEX: &str = "globex-0f4c1d2e8b7a60514";
/// In nobody's URL.
const NOBODYS: &str = "nobody_1f4c1d2e8b7a60514";

/// Before a fixture: hooli and raviga, each with an issuer of its own, globex without, and an issuer that no tenant has.
struct Stage {
    world: World,
    fixture: Fixture,
    hooli: Issuer,
    raviga: Issuer,
    lonely: Issuer,
}

impl Stage {
    async fn set() -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let [hooli, raviga, lonely] =
            ["hooli", "raviga", "lonely"].map(|name| Issuer::new(&format!("https://login.{name}.example")));
        let stage = Self { world: World::demo(), fixture, hooli, raviga, lonely };
        stage.apply(HOOLI);
        stage
    }

    /// Applies all documents, with this id in hooli's URL.
    fn apply(&self, hooli: &str) {
        let issuer = |issuer: &Issuer| json!({"url": issuer.url(), "jwks": issuer.jwks()});
        let scopes = json!({"echo": ["notes:read"], "test_image_content": ["platform:admin"]});
        let grant = json!({"placement": "shared", "tools": {"allow": ["*"]}, "scopes": scopes});
        let documents = json!({
            "issuer": {"hooli": issuer(&self.hooli), "raviga": issuer(&self.raviga), "lonely": issuer(&self.lonely)},
            "server": {"fixture": {"url": self.fixture.url, "sharing": "stateless"}},
            "plan": {"own": {"servers": {"fixture": grant}, "own_issuer_scopes": {"allow": ["notes:*"]}}},
            "tenant": {
                "hooli": {
                    "plan": "own", "connect_id": hooli,
                    "identities": [{"issuer": "hooli", "scopes": {"Their.Read": ["notes:read"]}}],
                },
                "raviga": {"plan": "own", "identities": [{"issuer": "raviga"}]},
                "globex": {
                    "plan": "own", "connect_id": GLOBEX,
                    "identities": [{"issuer": "development", "value": "globex"}],
                },
            },
        });
        let applied = self.world.run(&["apply", "-f", &write_documents(self.world.data(), &documents)]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    }

    /// A path at the gateway.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.world.public)
    }

    /// A token of an issuer for the resource at a path, with these scopes.
    fn token(&self, issuer: &Issuer, path: &str, scope: &str) -> String {
        let token = issuer.token(issuer.claims(&self.url(path)).scope(scope));
        std::fs::write(log_file().with_extension("connect.secret"), &token).unwrap();
        token
    }

    async fn lists_tools(&self, path: &str, token: &str) -> Answer {
        Ask::modern(&self.url(path), token, "tools/list", json!({})).send().await
    }

    async fn calls(&self, token: &str, tool: &str) -> Answer {
        let url = self.url(&format!("/c/{HOOLI}/mcp/fixture"));
        Ask::modern(&url, token, "tools/call", json!({"name": tool, "arguments": {}})).send().await
    }

    /// The metadata of the resource at a path.
    async fn metadata(&self, path: &str) -> Answer {
        let url = self.url(&format!("/.well-known/oauth-protected-resource{path}"));
        let answer = Ask::new(Method::GET, &url).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// Where a client is sent that wants the resource at a path.
    async fn sends_to(&self, path: &str) -> Value {
        let metadata = self.metadata(path).await.json();
        assert_eq!(metadata["resource"], self.url(path), "{metadata}");
        metadata["authorization_servers"].clone()
    }

    /// What `explain` says of a token.
    fn explained(&self, token: &str, tool: &str) -> Value {
        let file = self.world.data().join("explained.token");
        std::fs::write(&file, token).unwrap();
        let file = file.to_str().unwrap();
        let arguments = ["explain", "--token", file, "--server", "fixture", "--tool", tool, "--output", "json"];
        let output = self.world.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// An answer without when it was given, the request's own id, and the id that stands in the URL.
fn without_id(answer: &Answer, id: &str) -> (u16, BTreeMap<String, String>, String) {
    let plain = |text: &str| text.replace(id, "CONNECT_ID");
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date" && *name != "partywall-request-id");
    let headers = headers.map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap()))).collect();
    (answer.status.as_u16(), headers, plain(str::from_utf8(&answer.body).unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_url_shows_the_customers_own_sign_in() {
    let stage = Stage::set().await;
    for server in ["", "/fixture", "/none"] {
        let own = stage.sends_to(&format!("/c/{HOOLI}/mcp{server}")).await;
        assert_eq!(own, json!([stage.hooli.url()]));
        // Whose customer hooli is and where its people sign in is nobody else's business.
        for path in [format!("/mcp{server}"), format!("/c/{GLOBEX}/mcp{server}"), format!("/c/{NOBODYS}/mcp{server}")] {
            assert_eq!(stage.sends_to(&path).await, json!([stage.world.issuer]), "{path}");
        }
    }
    let path = format!("/c/{HOOLI}/mcp/fixture");
    let refused = stage.lists_tools(&path, "").await;
    let challenge = Ask::modern(&stage.url(&path), "", "tools/list", json!({})).without("authorization").send().await;
    for (answer, status) in [(refused, 401), (challenge, 401)] {
        assert_eq!(answer.status, status, "{answer:?}");
        let metadata = stage.url(&format!("/.well-known/oauth-protected-resource{path}"));
        assert!(answer.header("www-authenticate").unwrap().contains(&format!("resource_metadata=\"{metadata}\"")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_id_that_is_nobodys_answers_like_one_without_an_issuer() {
    let stage = Stage::set().await;
    for server in ["", "/fixture", "/none"] {
        let metadata = async |id| stage.metadata(&format!("/c/{id}/mcp{server}")).await;
        assert_eq!(
            without_id(&metadata(NOBODYS).await, NOBODYS),
            without_id(&metadata(GLOBEX).await, GLOBEX),
            "metadata of `{server}`"
        );
    }
    // And so does every knock at the door itself, with a token or without.
    let lonely = stage.token(&stage.lonely, &format!("/c/{NOBODYS}/mcp"), "");
    for token in ["", "not.a.token", &lonely] {
        for server in ["fixture", "none"] {
            let knock = async |id| stage.lists_tools(&format!("/c/{id}/mcp/{server}"), token).await;
            let (nobodys, globex, hooli) = (knock(NOBODYS).await, knock(GLOBEX).await, knock(HOOLI).await);
            if token != lonely {
                assert_eq!(without_id(&nobodys, NOBODYS), without_id(&globex, GLOBEX), "{token}");
                assert_eq!(without_id(&nobodys, NOBODYS), without_id(&hooli, HOOLI), "{token}");
            }
            assert!(matches!(nobodys.status.as_u16(), 401 | 403) && globex.status == 401, "{nobodys:?} {globex:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_opens_its_own_url_and_no_other() {
    let stage = Stage::set().await;
    let (connect, plain) = (format!("/c/{HOOLI}/mcp"), "/mcp".to_owned());
    let at = |all: &str| format!("{all}/fixture");
    for (audience, opens, shut) in
        [(connect.clone(), &connect, &plain), (at(&connect), &connect, &plain), (plain.clone(), &plain, &connect)]
    {
        let token = stage.token(&stage.hooli, &audience, "");
        assert_eq!(stage.lists_tools(&at(opens), &token).await.status, 200, "{audience} at {opens}");
        let refused = stage.lists_tools(&at(shut), &token).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, Some(40_100)), "{audience} at {shut}");
    }
    // For these URLs, by issuers that are trusted: whose tenant it is not, it tells as if there were none.
    stage.fixture.received.clear();
    let knock = async |issuer, id| {
        let token = stage.token(issuer, &format!("/c/{id}/mcp"), "");
        without_id(&stage.lists_tools(&format!("/c/{id}/mcp/fixture"), &token).await, id)
    };
    let stranger = knock(&stage.lonely, HOOLI).await;
    assert_eq!(stranger.0, 403, "{stranger:?}");
    for (issuer, id) in [(&stage.raviga, HOOLI), (&stage.raviga, GLOBEX), (&stage.raviga, NOBODYS)] {
        assert_eq!(knock(issuer, id).await, stranger, "{} at {id}", issuer.url());
    }
    for id in [GLOBEX, NOBODYS] {
        assert_eq!(knock(&stage.hooli, id).await, stranger, "hooli at {id}");
    }
    assert!(stage.fixture.received.all().is_empty(), "one of them got as far as the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_id_ends_the_old_one() {
    const NEW: &str = "hooli-2f4c1d2e8b7a605142";
    let stage = Stage::set().await;
    let path = |id: &str| format!("/c/{id}/mcp/fixture");
    let (old, new) = (stage.token(&stage.hooli, &path(HOOLI), ""), stage.token(&stage.hooli, &path(NEW), ""));
    // A moment ago it was verified for this very URL; that opens nothing once the URL is nobody's.
    assert_eq!(stage.lists_tools(&path(HOOLI), &old).await.status, 200);
    assert_eq!(stage.lists_tools(&path(NEW), &new).await.status, 403);
    stage.apply(NEW);
    assert_eq!(stage.lists_tools(&path(NEW), &new).await.status, 200);
    for (id, token, status) in [(HOOLI, &old, 403), (NEW, &old, 401), (HOOLI, &new, 401)] {
        assert_eq!(stage.lists_tools(&path(id), token).await.status, status, "{id}");
    }
    assert_eq!(stage.sends_to(&path(NEW)).await, json!([stage.hooli.url()]));
    let (ended, nobodys) = (stage.metadata(&path(HOOLI)).await, stage.metadata(&path(NOBODYS)).await);
    assert_eq!(without_id(&ended, HOOLI), without_id(&nobodys, NOBODYS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_own_issuer_gives_only_the_scopes_that_its_plan_allows() {
    let stage = Stage::set().await;
    let path = format!("/c/{HOOLI}/mcp");
    let said = "Their.Read platform:admin notes:write";
    let token = stage.token(&stage.hooli, &path, said);
    stage.fixture.received.clear();
    let called = stage.calls(&token, "echo").await;
    assert_eq!(called.status, 200, "{called:?}");
    let received = stage.fixture.received.all();
    let assertion = claims_of(received.last().unwrap().header("authorization").unwrap());
    assert_eq!((&assertion["scope"], &assertion["tenant_name"]), (&json!("notes:read notes:write"), &json!("hooli")));
    // It signs itself a scope of ours, and has it not; what lacks is asked for in its own words.
    for (scope, tool, asked) in [
        (said, "test_image_content", "platform:admin"),
        ("notes:*", "echo", "Their.Read"),
        ("their.read", "echo", "Their.Read"),
        ("", "echo", "Their.Read"),
    ] {
        let token = stage.token(&stage.hooli, &path, scope);
        let refused = stage.calls(&token, tool).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(40_300)), "{scope}: {refused:?}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(
            challenge.contains("error=\"insufficient_scope\"") && challenge.contains(&format!("scope=\"{asked}\""))
        );
    }
    // A tool that needs none is there for any token, and the step up is a token away.
    assert_eq!(stage.calls(&stage.token(&stage.hooli, &path, ""), "test_simple_text").await.status, 200);
    assert_eq!(stage.calls(&stage.token(&stage.hooli, &path, "notes:read"), "echo").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn explain_says_which_scopes_count() {
    let stage = Stage::set().await;
    let token = stage.token(&stage.hooli, "/mcp", "Their.Read platform:admin");
    let told = stage.explained(&token, "echo");
    assert_eq!((&told["caller"]["scope"], &told["verdict"]["outcome"]), (&json!("notes:read"), &json!("let_through")));
    let told = stage.explained(&token, "test_image_content");
    assert_eq!(told["verdict"]["refusal"], "insufficient_scope", "{told}");
    // By the demo's issuer, which is the platform's own, a scope is what the token says.
    let token = stage.world.token_with("globex", "gus", &["--scope", "Their.Read platform:admin"]);
    let told = stage.explained(&token, "test_image_content");
    assert_eq!(
        (&told["caller"]["scope"], &told["verdict"]["outcome"]),
        (&json!("Their.Read platform:admin"), &json!("let_through"))
    );
}

/// The claims of the token in an `Authorization` header.
fn claims_of(authorization: &str) -> Value {
    let payload = authorization.strip_prefix("Bearer ").and_then(|token| token.split('.').nth(1)).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
