//! `serve`: the same gateway for real tenants, with an issuer that is not ours.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use partywall_testkit::fixture::Options;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::corporate::{Corporate, write_documents};
use crate::http::Ask;
use crate::process::{Process, free_address, partywall};
use crate::told::{all, assert_told, stderr};
use crate::world::{Fixture, PARTYWALL, World, log_file};

/// How long it may take to be ready, on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// A `partywall serve` that is ready.
struct Serve {
    _process: Process,
    folder: TempDir,
    public: String,
}

impl Serve {
    /// Starts it on a folder of its own, with more lines of settings.
    fn start(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (data, log) = (folder.path().join("data"), log_file());
        let config = folder.path().join("partywall.toml");
        let text = format!("data = {data:?}\nlog_file = {log:?}\nadmin_listen = \"127.0.0.1:0\"\n{settings}\n");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(PARTYWALL);
        command.arg("serve").arg("--config").arg(config).stdin(Stdio::null()).stderr(Stdio::null());
        let mut process = Process(command.spawn().unwrap());
        let since = Instant::now();
        while !std::fs::read_to_string(&log).is_ok_and(|log| log.contains("\"event\":\"ready\"")) {
            assert!(process.0.try_wait().unwrap().is_none(), "it ended before it was ready");
            assert!(since.elapsed() < READY_TIMEOUT, "it was not ready in time");
            std::thread::sleep(Duration::from_millis(20));
        }
        let running: Value = serde_json::from_slice(&std::fs::read(data.join("running.json")).unwrap()).unwrap();
        Self { _process: process, folder, public: running["public"].as_str().unwrap().to_owned() }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        partywall(&[arguments, &["--data", self.data().to_str().unwrap()]].concat())
    }

    fn apply(&self, documents: &Value) -> Output {
        self.run(&["apply", "-f", &write_documents(self.folder.path(), documents)])
    }
}

/// Two tenants of one issuer that share a server.
fn documents(corporate: &Corporate, server: &str) -> Value {
    let tenant = |name: &str| json!({"plan": "all", "identities": [{"issuer": "corporate", "value": name}]});
    let granted = json!({"placement": "shared", "tools": {"allow": ["*"]}});
    json!({
        "issuer": {"corporate": corporate.document()},
        "server": {"fixture": {"url": server, "sharing": "stateless"}},
        "plan": {"all": {"servers": {"fixture": granted}}},
        "tenant": {"acme": tenant("acme"), "globex": tenant("globex")},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn real_tenants_are_served_by_tokens_of_their_own_issuer() {
    let fixture = Fixture::start(Options::default()).await;
    let serve = Serve::start("listen = \"127.0.0.1:0\"");
    let corporate = Corporate::new();
    let token = corporate.token(&serve.public, "acme", "ann");
    let url = format!("{}/mcp/fixture", serve.public);
    let echo = || json!({"name": "echo", "arguments": {"text": "hello"}});
    let early = Ask::modern(&url, &token, "tools/call", echo()).send().await;
    assert_eq!(early.status, 401, "nobody is trusted before a document says so: {early:?}");

    let applied = serve.apply(&documents(&corporate, &fixture.url));
    assert_told("serve-applied", serve.folder.path(), &all(&applied));
    let modern = Ask::modern(&url, &token, "tools/call", echo()).send().await;
    assert_eq!(modern.json().pointer("/result/content/0/text"), Some(&json!("{\"text\":\"hello\"}")), "{modern:?}");
    let session = Ask::initialize(&url, &token).send().await.session();
    let legacy = Ask::legacy(&url, &token, &session, "tools/call", echo()).send().await;
    assert_eq!(legacy.json().pointer("/result/content/0/text"), Some(&json!("{\"text\":\"hello\"}")), "{legacy:?}");
    let gus = corporate.token(&serve.public, "globex", "gus");
    assert_eq!(Ask::legacy(&url, &gus, &session, "tools/list", json!({})).send().await.status, 404);
    let stranger = corporate.token(&serve.public, "umbrella", "eve");
    assert_eq!(Ask::modern(&url, &stranger, "tools/call", echo()).send().await.status, 403);
    let explained = serve.run(&["explain", modern.header("partywall-request-id").unwrap()]);
    assert!(all(&explained).contains("issuer `corporate`, tenant claim = `acme`"), "{}", all(&explained));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_url_is_what_tokens_and_challenges_name() {
    let fixture = Fixture::start(Options::default()).await;
    let listen = free_address();
    let serve = Serve::start(&format!("listen = \"{listen}\"\npublic_url = \"https://mcp.example.com\""));
    assert_eq!(serve.public, "https://mcp.example.com");
    let corporate = Corporate::new();
    let applied = serve.apply(&documents(&corporate, &fixture.url));
    assert!(applied.status.success(), "{}", all(&applied));
    let url = format!("http://{listen}/mcp/fixture");
    let list = |audience: &str| Ask::modern(&url, &corporate.token(audience, "acme", "ann"), "tools/list", json!({}));
    assert_eq!(list("https://mcp.example.com").send().await.status, 200);
    let refused = list(&format!("http://{listen}")).send().await;
    assert_eq!(refused.status, 401, "the address is not the name: {refused:?}");
    let metadata = "resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp/fixture\"";
    assert!(refused.header("www-authenticate").unwrap().contains(metadata), "{refused:?}");
}

#[test]
fn a_development_issuer_is_not_for_real_tenants() {
    let serve = Serve::start("listen = \"127.0.0.1:0\"");
    let corporate = Corporate::new();
    let mut development = corporate.document();
    development["development"] = json!(true);
    let refused = serve.apply(&json!({"issuer": {"development": development}}));
    assert_told("serve-development-document", serve.folder.path(), &all(&refused));
    let token = serve.run(&["token", "--tenant", "acme", "--subject", "ann"]);
    assert_eq!(token.status.code(), Some(1));
    assert_told("serve-no-token", serve.folder.path(), &all(&token));
}

#[test]
fn the_store_of_a_demo_is_not_served() {
    let data = World::demo().stop();
    let config = data.path().join("partywall.toml");
    let text = format!(
        "data = {:?}\nlog_file = {:?}\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n",
        data.path(),
        log_file()
    );
    std::fs::write(&config, text).unwrap();
    let refused = partywall(&["serve", "--config", config.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert_told("serve-on-a-demo", data.path(), &all(&refused));
}

#[test]
fn every_mistake_in_the_settings_is_told_at_once() {
    let folder = TempDir::new().unwrap();
    let mut told = String::new();
    for (name, text) in [
        (
            "bad",
            "listen = \"0.0.0.0\"\nadmin_listen = \"0.0.0.0:7401\"\npublic_url = \"mcp.example.com\"\nlisen = 1\nlog_file = 3\n",
        ),
        ("beyond-this-machine", "data = \"/nowhere\"\nlisten = \"0.0.0.0:7400\"\n"),
        ("no-toml", "data = \"/nowhere\nlisten = \n"),
        ("empty", ""),
    ] {
        let config = folder.path().join(format!("{name}.toml"));
        std::fs::write(&config, text).unwrap();
        let refused = partywall(&["serve", "--config", config.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1), "{}", all(&refused));
        told.push_str(&format!("# {name}\n{}\n", stderr(&refused)));
    }
    let missing = partywall(&["serve", "--config", folder.path().join("missing.toml").to_str().unwrap()]);
    assert_eq!(missing.status.code(), Some(1));
    told.push_str(&format!("# missing\n{}", stderr(&missing)));
    assert_told("serve-settings", folder.path(), &told);
}
