//! Secrets of tenants: each upstream request carries its own tenant's, and no place that anybody can look at has one.

mod attacks;
mod epochs;
mod in_boxes;
mod nowhere;

use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use partywall_testkit::fixture::{Options, Request};
use serde_json::{Value, json};

use crate::http::Ask;
use crate::told::{all, assert_told};
use crate::world::{Fixture, World};

/// What each tenant's secret is. Made up here, so that finding it anywhere means that it came from here.
const ACME_KEY: &str = "acme-key-5e8d90c1b7a2";
const GLOBEX_KEY: &str = "globex-key-40ffae93d6b8";
const API_KEY: &str = "{ kind = \"header\", name = \"X-Api-Key\", secret = \"fixture-key\" }";
const BEARER: &str = "{ kind = \"header\", name = \"Authorization\", prefix = \"Bearer \", secret = \"fixture-key\" }";

/// A world with a server that asks for a secret, two tenants that have one each, and a token of each.
struct Stage {
    fixture: Fixture,
    world: World,
    url: String,
    ann: String,
    gus: String,
}

impl Stage {
    async fn set(auth: &str) -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let world = World::demo();
        world.must_apply(&fixture.documents());
        world.must_set("acme", "fixture-key", ACME_KEY);
        world.must_set("globex", "fixture-key", GLOBEX_KEY);
        world.must_apply(&server(&fixture.url, auth));
        let (ann, gus) = (world.token("acme", "ann"), world.token("globex", "gus"));
        Self { url: world.url("fixture"), fixture, world, ann, gus }
    }

    /// A call of each kind by each tenant, turn and turn about; all must go well.
    async fn call_in_turn(&self) {
        let mut sessions = Vec::new();
        for token in [&self.ann, &self.gus] {
            sessions.push(Ask::initialize(&self.url, token).send().await.session());
        }
        for _ in 0..5 {
            for (token, session) in [&self.ann, &self.gus].into_iter().zip(&sessions) {
                for ask in [
                    Ask::modern(&self.url, token, "tools/call", echo()),
                    Ask::modern(&self.url, token, "tools/list", json!({})),
                    Ask::legacy(&self.url, token, session, "tools/call", echo()),
                ] {
                    // What a client says of itself is no credential of the tenant.
                    let answer = ask.header("x-api-key", "the client's own").send().await;
                    assert_eq!(answer.status, 200, "{answer:?}");
                }
            }
        }
    }
}

fn echo() -> Value {
    json!({"name": "echo", "arguments": {"text": "hello"}})
}

fn server(url: &str, auth: &str) -> String {
    format!("[server.fixture]\nurl = \"{url}\"\nsharing = \"stateless\"\nauth = {auth}\n")
}

impl World {
    /// Sets a secret through the command line, and notes it, so that the check of all log lines looks for it.
    fn set(&self, tenant: &str, name: &str, value: &str) -> Output {
        self.note_secret(name, value);
        self.run_with(&["secret", "set", tenant, name], value)
    }

    pub(crate) fn must_set(&self, tenant: &str, name: &str, value: &str) {
        let output = self.set(tenant, name, value);
        assert!(output.status.success(), "{}", all(&output));
    }
}

/// The tenant's name in an assertion.
fn tenant_in(assertion: &str) -> String {
    let claims = assertion.split('.').nth(1).expect("the assertion is a JWT");
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims["tenant_name"].as_str().unwrap().to_owned()
}

/// All values of a header.
fn values<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    request.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_carries_its_own_tenants_key_and_nobody_elses() {
    let stage = Stage::set(API_KEY).await;
    stage.fixture.received.clear();
    stage.call_in_turn().await;
    let mut calls = [0, 0];
    for request in stage.fixture.received.all() {
        let assertion = values(&request, "authorization");
        let [assertion] = assertion[..] else { panic!("{request:?}") };
        let (expected, call) = match tenant_in(assertion).as_str() {
            "acme" => (vec![ACME_KEY], Some(0)),
            "globex" => (vec![GLOBEX_KEY], Some(1)),
            _ => (vec![], None),
        };
        assert_eq!(values(&request, "x-api-key"), expected, "{request:?}");
        call.into_iter().for_each(|call: usize| calls[call] += 1);
        let whole = format!("{request:?}");
        assert!(!whole.contains(&stage.ann) && !whole.contains(&stage.gus), "the client's token travelled");
    }
    assert_eq!(calls, [16, 16]);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_credential_in_authorization_the_assertion_has_a_header_of_its_own() {
    let stage = Stage::set(BEARER).await;
    stage.fixture.received.clear();
    stage.call_in_turn().await;
    let mut tenants = Vec::new();
    for request in stage.fixture.received.all() {
        let assertion = values(&request, "partywall-assertion");
        let [assertion] = assertion[..] else { panic!("{request:?}") };
        let tenant = tenant_in(assertion);
        let expected = match tenant.as_str() {
            "acme" => vec![format!("Bearer {ACME_KEY}")],
            "globex" => vec![format!("Bearer {GLOBEX_KEY}")],
            _ => vec![],
        };
        assert_eq!(values(&request, "authorization"), expected, "{request:?}");
        assert_eq!(values(&request, "x-api-key"), [""; 0]);
        tenants.push(tenant);
    }
    assert_eq!(tenants.iter().filter(|tenant| *tenant == "acme").count(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_value_holds_from_the_next_call() {
    let stage = Stage::set(API_KEY).await;
    let call = Ask::modern(&stage.url, &stage.ann, "tools/call", echo());
    for value in ["second-9d4b", "third-77c0"] {
        stage.world.must_set("acme", "fixture-key", value);
        stage.fixture.received.clear();
        assert_eq!(call.send().await.status, 200);
        assert_eq!(values(stage.fixture.received.all().last().unwrap(), "x-api-key"), [value]);
    }
    let gus = Ask::modern(&stage.url, &stage.gus, "tools/call", echo());
    assert_eq!(gus.send().await.status, 200);
    assert_eq!(values(stage.fixture.received.all().last().unwrap(), "x-api-key"), [GLOBEX_KEY]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_what_it_did_and_never_what_it_read() {
    let stage = Stage::set(API_KEY).await;
    let world = &stage.world;
    let file = world.data().join("value.txt");
    std::fs::write(&file, "from-a-file-3c1e\n").unwrap();
    world.note_secret("from-a-file", "from-a-file-3c1e");
    let file = file.to_str().unwrap();
    let said = [
        world.run(&["secret", "list", "acme"]),
        world.run(&["secret", "set", "acme", "spare", "--from-file", file, "--dry-run"]),
        world.run(&["secret", "set", "acme", "spare", "--from-file", file, "--reason", "a spare one"]),
        world.run(&["secret", "list", "acme"]),
        world.run(&["config", "diff"]),
        world.run(&["config", "history", "tenant.acme", "--limit", "1"]),
        world.run(&["secret", "delete", "acme", "fixture-key"]),
        world.run(&["secret", "delete", "acme", "spare"]),
        world.run(&["secret", "delete", "acme", "spare"]),
        world.run(&["secret", "rotate"]),
        world.run(&["secret", "rotate", "nobody"]),
        world.run_with(&["secret", "set", "acme", "spare"], "two\nlines"),
        world.run_with(&["secret", "set", "acme", "spare"], ""),
        world.run_with(&["secret", "set", "nobody", "spare"], "value-1f0c"),
    ];
    std::fs::remove_file(file).unwrap();
    let told: Vec<_> = said.iter().map(all).collect();
    assert_told("secrets-on-the-command-line", world.data(), &told.join("\n"));
}
