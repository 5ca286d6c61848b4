//! With a real, certified OpenID provider: from nothing but a URL to a call, by hand and by the official clients, and what
//! two issuers can do to each other, which is nothing.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use partywall_testkit::fixture::Options;
use serde_json::{Value, json};

use crate::corporate::write_documents;
use crate::http::{Answer, Ask};
use crate::process::{Process, free_address};
use crate::scripted::until;
use crate::world::{Fixture, World, log_file};

/// In the URL of hooli, which has an issuer of its own.
const HOOLI: &str = "hooli_9f4c1d2e8b7a605142";
/// The key of both issuers: its name is unique within one of them only.
const KID: &str = "k1";

/// A provider; each of its clients' tokens name a tenant.
struct Provider {
    _process: Process,
    url: String,
}

/// Whether it is the provider of this URL that answers there, and not whoever took its port.
async fn is_its_own(url: &str) -> bool {
    let answer = Ask::new(Method::GET, &format!("{url}/.well-known/openid-configuration")).send().await;
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|metadata| metadata["issuer"] == url)
}

impl Provider {
    /// `scopes` are all that it knows. A port that was free a moment ago may be taken by now, so it is tried again.
    async fn start(clients: &Value, scopes: &str) -> Self {
        for _ in 0..10 {
            let address = free_address();
            let mut command = node("oidc-provider.mjs");
            command.arg(address.port().to_string()).arg(KID).arg(clients.to_string()).arg(scopes);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut process = Process(child);
            let listens = || {
                let ended = process.0.try_wait().unwrap().is_some();
                (ended || TcpStream::connect(address).is_ok()).then_some(!ended)
            };
            let url = format!("http://{address}");
            if until("the provider listens or ends", listens).await && is_its_own(&url).await {
                return Self { _process: process, url };
            }
        }
        panic!("the provider did not start");
    }

    /// Its document. It is asked for its keys, here on this machine.
    fn document(&self, more: &Value) -> Value {
        let mut document = json!({"url": self.url, "private_networks": ["127.0.0.0/8"]});
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        document
    }

    /// A token for a client, for a resource, with these scopes: as a client gets one that has read the metadata.
    async fn token(&self, client: &str, resource: &str, scope: &str) -> String {
        let url = format!("{}/.well-known/openid-configuration", self.url);
        let metadata = Ask::new(Method::GET, &url).send().await.json();
        let credentials = BASE64_STANDARD.encode(format!("{client}:secret"));
        let scope = scope.replace(' ', "+");
        let body = format!("grant_type=client_credentials&scope={scope}&resource={resource}");
        let ask = Ask::new(Method::POST, metadata["token_endpoint"].as_str().unwrap()).body(body);
        let ask = ask.header("authorization", &format!("Basic {credentials}"));
        let granted = ask.header("content-type", "application/x-www-form-urlencoded").send().await;
        let token = granted.json()["access_token"].as_str().unwrap_or_else(|| panic!("{granted:?}")).to_owned();
        std::fs::write(log_file().with_extension("oidc.secret"), &token).unwrap();
        token
    }

    /// Signs with a new key from now on.
    async fn takes_the_next_key(&self) {
        assert_eq!(Ask::new(Method::POST, &format!("{}/next-key", self.url)).send().await.status, 200);
    }
}

/// The platform's provider, which serves acme and globex and is listed, and hooli's own.
struct Stage {
    world: World,
    platform: Provider,
    own: Provider,
}

impl Stage {
    async fn set() -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let world = World::demo();
        // Whoever wants a token is to be sent to the provider alone.
        let demo = std::fs::read_to_string(world.data().join("platform.toml")).unwrap();
        let demo = demo.replace("version = 1", "").replace("listed = true", "listed = false");
        world.must_apply(&demo);
        let clients = json!({"acme-agent": "acme", "globex-agent": "globex", "hooli-agent": "hooli"});
        let platform = Provider::start(&clients, "notes:read notes:write").await;
        // It knows none of our scopes by our names.
        let own = Provider::start(&json!({"hooli-agent": "hooli", "acme-agent": "acme"}), "Their.Read Their.All").await;
        let stage = Self { world, platform, own };
        stage.apply(&fixture);
        stage
    }

    fn apply(&self, fixture: &Fixture) {
        let grant = json!({"placement": "shared", "tools": {"allow": ["*"]}, "scopes": {"echo": ["notes:read"]}});
        let theirs = json!({"Their.Read": ["notes:read"], "Their.All": ["notes:read", "notes:write"]});
        let by_claim = |name: &str| json!({"plan": "own", "identities": [{"issuer": "platform", "value": name}]});
        let documents = json!({
            "issuer": {
                "platform": self.platform.document(&json!({"listed": true, "tenant_claim": "tenant"})),
                "hooli": self.own.document(&json!({})),
            },
            "server": {"fixture": {"url": fixture.url, "sharing": "stateless"}},
            "plan": {"own": {"servers": {"fixture": grant}, "own_issuer_scopes": {"allow": ["notes:*"]}}},
            "tenant": {
                "acme": by_claim("acme"),
                "globex": by_claim("globex"),
                "hooli": {"plan": "own", "connect_id": HOOLI, "identities": [{"issuer": "hooli", "scopes": theirs}]},
            },
        });
        let applied = self.world.run(&["apply", "-f", &write_documents(self.world.data(), &documents)]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    }

    /// For each way in: the issuer, its client, and the server's URL.
    fn ways(&self) -> [(&Provider, &'static str, String); 2] {
        let own = format!("{}/c/{HOOLI}/mcp/fixture", self.world.public);
        [(&self.platform, "acme-agent", self.world.url("fixture")), (&self.own, "hooli-agent", own)]
    }

    /// The names of the tenants whose calls were answered, oldest first, once there are so many.
    async fn answered(&self, number: usize) -> Vec<Value> {
        let tenants = || {
            let lines = self.world.log_lines("\"event\":\"call\"").into_iter();
            let lines = lines.filter(|line| line["outcome"] == "answered" && line["method"] == "tools/call");
            Some(lines.map(|line| line["tenant"].clone()).collect::<Vec<_>>()).filter(|all| all.len() >= number)
        };
        until("the calls are logged", tenants).await
    }
}

async fn call(url: &str, token: &str, tool: &str) -> Answer {
    Ask::modern(url, token, "tools/call", json!({"name": tool, "arguments": {}})).send().await
}

/// What stands behind `name=` in a challenge.
fn said<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let challenge = answer.header("www-authenticate").unwrap();
    challenge.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"')).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_but_a_url_to_a_call() {
    let stage = Stage::set().await;
    for ((provider, client, url), scope) in stage.ways().into_iter().zip(["notes:read", "Their.Read"]) {
        let challenged = Ask::modern(&url, "", "tools/list", json!({})).without("authorization").send().await;
        assert_eq!(challenged.status, 401, "{challenged:?}");
        let metadata = Ask::new(Method::GET, said(&challenged, "resource_metadata")).send().await.json();
        assert_eq!((&metadata["resource"], &metadata["authorization_servers"]), (&json!(url), &json!([provider.url])));
        let token = provider.token(client, &url, "").await;
        assert_eq!(call(&url, &token, "test_simple_text").await.status, 200);
        let lacking = call(&url, &token, "echo").await;
        assert_eq!((lacking.status.as_u16(), said(&lacking, "error")), (403, "insufficient_scope"), "{lacking:?}");
        assert_eq!(said(&lacking, "scope"), scope, "{lacking:?}");
        let token = provider.token(client, &url, scope).await;
        assert_eq!(call(&url, &token, "echo").await.status, 200);
    }
    assert_eq!(stage.answered(4).await, ["acme", "acme", "hooli", "hooli"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_clients_find_their_own_way() {
    let stage = Stage::set().await;
    for (provider, client, url) in stage.ways() {
        for (mut command, era) in [(node("ts.mjs"), "modern"), (node("ts.mjs"), "auto"), (python(), "auto")] {
            command.args([&url, era]).env("CLIENT", client).env("ISSUER", &provider.url);
            command.env("HOME", stage.world.data());
            let steps = ["test_simple_text", "echo"].map(|tool| json!({"op": "call", "name": tool}));
            let results = run(command, &json!(steps));
            let done: Vec<_> = results.as_array().unwrap()[1..].iter().map(|result| &result["ok"]).collect();
            assert_eq!(done, [true, true], "{client} at {url}: {results:#}");
        }
    }
    assert_eq!(stage.answered(12).await, [["acme"; 6], ["hooli"; 6]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_speaks_for_nobody_of_anothers() {
    let stage = Stage::set().await;
    let [(platform, _, plain), (own, _, connect)] = stage.ways();
    // Both name their key alike; each token is looked at with its own issuer's.
    for _ in 0..2 {
        for (provider, client, url) in [(platform, "acme-agent", &plain), (own, "hooli-agent", &connect)] {
            let token = provider.token(client, url, "").await;
            assert_eq!(call(url, &token, "test_simple_text").await.status, 200, "{client} at {url}");
        }
    }
    // The platform's issuer names hooli, which does not enter by it: on the common URL and on hooli's own.
    for url in [&plain, &connect] {
        let token = platform.token("hooli-agent", url, "").await;
        assert_eq!(call(url, &token, "test_simple_text").await.status, 403, "{url}");
    }
    let token = platform.token("acme-agent", &connect, "").await;
    assert_eq!(call(&connect, &token, "test_simple_text").await.status, 403);
    // Hooli's issuer names acme, and all that it signs is hooli's.
    let token = own.token("acme-agent", &plain, "").await;
    assert_eq!(call(&plain, &token, "test_simple_text").await.status, 200);
    assert_eq!(stage.answered(5).await, ["acme", "hooli", "acme", "hooli", "hooli"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_while_calls_go_on() {
    let stage = Stage::set().await;
    let [(platform, client, url), (own, other_client, other_url)] = stage.ways();
    let old = platform.token(client, &url, "").await;
    let neighbours = own.token(other_client, &other_url, "").await;
    let go_on = async || {
        assert_eq!(call(&url, &old, "test_simple_text").await.status, 200);
        assert_eq!(call(&other_url, &neighbours, "test_simple_text").await.status, 200);
    };
    go_on().await;
    for _ in 0..2 {
        platform.takes_the_next_key().await;
        let new = platform.token(client, &url, "").await;
        // A key that is new to us is asked for, though not more often than every few seconds.
        let mut tries = 0;
        while call(&url, &new, "test_simple_text").await.status != 200 {
            tries += 1;
            assert!(tries < 600, "the new key is not believed");
            go_on().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for subject in ["acme-agent", "globex-agent"] {
            let another = platform.token(subject, &url, "").await;
            assert_eq!(call(&url, &another, "test_simple_text").await.status, 200);
        }
        go_on().await;
    }
}

/// What `cargo xtask test` installs. A test without it fails: one that is skipped proves nothing and looks green.
fn tool(variable: &str) -> PathBuf {
    let Some(path) = std::env::var_os(variable) else {
        panic!("`{variable}` is not set; run cargo xtask test, which installs what this needs")
    };
    path.into()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name)
}

fn node(name: &str) -> Command {
    let mut command = Command::new(tool("PARTYWALL_TOOLS_NODE"));
    command.arg(script(name)).env("NODE_PATH", tool("PARTYWALL_TOOLS_MODULES"));
    command
}

fn python() -> Command {
    let mut command = Command::new(tool("PARTYWALL_TOOLS_PYTHON"));
    command.arg(script("python.py"));
    command
}

/// What a client gave for these steps.
fn run(mut command: Command, steps: &Value) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(steps.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}
