//! What a stranger must not learn: whether a server, a customer, a tool, a prompt or a resource exists. The answers are the
//! same to the byte, and so is what the gateway does for them: the lines it writes, and that it asks no upstream.

use std::collections::BTreeMap;
use std::path::Path;

use http::Method;
use partywall_gateway::FRONT_ROUTES;
use partywall_testkit::fixture::Options;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};

use crate::corporate::write_documents;
use crate::http::{Answer, Ask, LEGACY, MODERN};
use crate::legacy::Session;
use crate::scripted::until;
use crate::world::{Fixture, World, log_file};

/// In the URL of globex, which has no issuer of its own; and in nobody's, as long as the other.
const CONNECT: [&str; 2] = ["globex-0f4c1d2e8b7a60514", "nobody_1f4c1d2e8b7a60514"];
/// In the URL of hooli, which has one; and in nobody's.
const CONNECT_OWN: [&str; 2] = ["hooli_9f4c1d2e8b7a605142", "nobody_1f4c1d2e8b7a60514"];
/// A server, which acme is not granted; and none.
const SERVER: [&str; 2] = ["other", "othex"];

/// What a request about a name says.
type Params = fn(&str) -> Value;

struct Stage {
    world: World,
    fixture: Fixture,
    /// A trusted issuer, by whose tokens nobody enters.
    lonely: Issuer,
}

impl Stage {
    async fn set() -> Self {
        let fixture = Fixture::start(Options { json: true, ..Options::default() }).await;
        let stage = Self { world: World::demo(), fixture, lonely: Issuer::new("https://login.lonely.example") };
        let hooli = Issuer::new("https://login.hooli.example");
        let issuer = |issuer: &Issuer| json!({"url": issuer.url(), "jwks": issuer.jwks()});
        let server = json!({"url": stage.fixture.url, "sharing": "stateless"});
        let some = json!({
            "placement": "shared",
            "tools": {"allow": ["echo"]},
            "prompts": {"allow": ["test_simple_prompt"]},
            "resources": {"allow": ["test://static-text"]},
        });
        let by_demo = |name: &str| json!([{"issuer": "development", "value": name}]);
        let limits = json!({"calls_per_second": 10_000, "calls_burst": 10_000});
        let documents = json!({
            "issuer": {"lonely": issuer(&stage.lonely), "hooli": issuer(&hooli)},
            "server": {"fixture": server, "other": server},
            "plan": {"own": {"limits": limits}},
            "tenant": {
                "acme": {"plan": "own", "identities": by_demo("acme"), "servers": {"fixture": some}},
                "globex": {
                    "plan": "own", "identities": by_demo("globex"), "connect_id": CONNECT[0],
                    "servers": {"fixture": some, "other": some},
                },
                "hooli": {"plan": "own", "identities": [{"issuer": "hooli"}], "connect_id": CONNECT_OWN[0]},
            },
        });
        let applied = stage.world.run(&["apply", "-f", &write_documents(stage.world.data(), &documents)]);
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        stage.fixture.received.clear();
        stage
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.world.public)
    }

    /// A good token, for the resource at that path, by which nobody enters.
    fn strangers(&self, path: &str) -> String {
        let token = self.lonely.token(self.lonely.claims(&self.url(path)));
        std::fs::write(log_file().with_extension("oracles.secret"), &token).unwrap();
        token
    }

    /// Compares what was written of each pair of requests, once all of it is written.
    async fn close(self, pairs: &[Pair]) {
        let last = Ask::new(Method::GET, &self.url("/no/such/path")).send().await;
        let last = last.header("partywall-request-id").unwrap().to_owned();
        until("the last line is written", || (!self.world.log_lines(&last).is_empty()).then_some(())).await;
        let journal = journal(&self.world.data().join("journal"));
        let written = |(answer, name): &(Answer, String)| {
            let Some(id) = answer.header("partywall-request-id") else { return (Vec::new(), Vec::new()) };
            let lines: Vec<_> = self.world.log_lines(id).into_iter().map(|line| without_run(line, name)).collect();
            let entries =
                journal.lines().filter(|line| line.contains(id)).map(|line| serde_json::from_str(line).unwrap());
            (lines, entries.map(|entry| without_run(entry, name)).collect::<Vec<_>>())
        };
        for pair in pairs {
            let [known, unknown] = [written(&pair.known), written(&pair.unknown)];
            assert_eq!(known, unknown, "{}", pair.what);
            let refused = pair.known.0.body.starts_with(b"{\"jsonrpc\"");
            assert_eq!(known.0.len() == 1 && !known.1.is_empty(), refused, "{}: {known:#?}", pair.what);
        }
        let reached = self.fixture.received.all().into_iter().filter(|request| !request.body.is_empty());
        let bodies = reached.map(|request| String::from_utf8_lossy(&request.body).into_owned());
        let asked: Vec<_> = bodies.filter(|body| !body.contains("partywall-probe")).collect();
        assert_eq!(asked, Vec::<String>::new(), "a refused request got as far as the server");
    }
}

/// Two answers: about what exists and about what does not, each with the name that was asked for.
struct Pair {
    what: String,
    known: (Answer, String),
    unknown: (Answer, String),
}

impl Pair {
    /// Asks both; the answers must be the same but for the name.
    async fn ask(what: &str, names: [&str; 2], ask: impl Fn(&str) -> Ask) -> Self {
        assert_eq!(names[0].len(), names[1].len(), "the length of a name is no secret");
        let [known, unknown] = [ask(names[0]).send().await, ask(names[1]).send().await];
        assert_eq!(seen(&known, names[0]), seen(&unknown, names[1]), "{what}");
        Self { what: what.to_owned(), known: (known, names[0].to_owned()), unknown: (unknown, names[1].to_owned()) }
    }
}

/// An answer without when it was given, the request's own id, and the name that was asked for.
fn seen(answer: &Answer, name: &str) -> (u16, BTreeMap<String, String>, String) {
    let plain = |text: &str| text.replace(name, "NAME");
    let headers = answer.headers.iter().filter(|(name, _)| *name != "date" && *name != "partywall-request-id");
    let headers = headers.map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap()))).collect();
    (answer.status.as_u16(), headers, plain(str::from_utf8(&answer.body).unwrap()))
}

/// A line of the log or the journal without what differs from run to run, and without the name.
fn without_run(mut line: Value, name: &str) -> Value {
    for member in ["at", "timestamp", "ts", "time", "request_id", "trace_id", "duration_us"] {
        line.as_object_mut().unwrap().remove(member);
    }
    serde_json::from_str(&line.to_string().replace(name, "NAME")).unwrap()
}

/// All of the journal.
fn journal(folder: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()).collect()
}

/// Every route with a name in it: what it is called, the path with `NAME` in it, and a name that exists and one that does
/// not.
fn routes() -> Vec<(String, [&'static str; 2])> {
    let mut all = Vec::new();
    for path in FRONT_ROUTES.iter().map(|route| route.path) {
        // Whose sign-in a customer's own URL shows is what it is for.
        let connects = if path.contains("oauth") { vec![CONNECT] } else { vec![CONNECT, CONNECT_OWN] };
        for connect in connects.into_iter().filter(|_| path.contains("{connect_id}")) {
            all.push((path.replace("{connect_id}", "NAME").replace("{server}", "fixture"), connect));
        }
        if path.contains("{server}") {
            all.push((path.replace("{connect_id}", CONNECT[0]).replace("{server}", "NAME"), SERVER));
        }
    }
    assert!(all.len() >= 8, "{all:?}");
    all
}

/// Asks at every route with every method, and compares.
async fn at_every_route(stage: Stage, token: impl Fn(&str) -> Option<String>) {
    let mut pairs = Vec::new();
    for (path, names) in routes() {
        for method in [Method::POST, Method::GET, Method::DELETE, Method::PUT, Method::OPTIONS] {
            let ask = |name: &str| {
                let path = path.replace("NAME", name);
                let ask = Ask::modern(&stage.url(&path), &token(&path).unwrap_or_default(), "tools/list", json!({}));
                let ask = if token(&path).is_none() { ask.without("authorization") } else { ask };
                let ask = ask.method(method.clone());
                if matches!(method, Method::POST | Method::PUT) { ask } else { ask.without("content-type").body("") }
            };
            pairs.push(Pair::ask(&format!("{method} {path}"), names, ask).await);
        }
    }
    stage.close(&pairs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_learns_without_a_token() {
    at_every_route(Stage::set().await, |_| None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_learns_with_a_token_that_is_not_valid() {
    let stage = Stage::set().await;
    let stranger = Issuer::new("https://login.stranger.example");
    let token = stranger.token(stranger.claims(&stage.url("/mcp")));
    at_every_route(stage, |_| Some(token.clone())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_learns_with_a_good_token_by_which_nobody_enters() {
    let stage = Stage::set().await;
    let tokens: BTreeMap<_, _> = routes()
        .into_iter()
        .flat_map(|(path, names)| names.map(|name| path.replace("NAME", name)))
        .map(|path| (path.clone(), stage.strangers(&path)))
        .collect();
    at_every_route(stage, |path| tokens.get(path).cloned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_tenant_does_not_learn_of_servers_that_are_not_its_own() {
    let stage = Stage::set().await;
    let ann = stage.world.token("acme", "ann");
    let session = Session::open(&stage.world.url("fixture"), &ann).await;
    stage.fixture.received.clear();
    let echo = json!({"name": "echo", "arguments": {}});
    let list = || Ask::modern("", &ann, "tools/list", json!({}));
    let asks = [
        ("a list", list()),
        ("a call", Ask::modern("", &ann, "tools/call", echo)),
        ("a call of no tool", Ask::modern("", &ann, "tools/call", json!({"name": "none"}))),
        ("discovery", Ask::modern("", &ann, "server/discover", json!({}))),
        ("a listener", Ask::modern("", &ann, "subscriptions/listen", json!({}))),
        ("an unknown method", Ask::modern("", &ann, "no/such/method", json!({}))),
        ("an old version", list().without("mcp-protocol-version").header("mcp-protocol-version", "2020-01-01")),
        ("headers that disagree", list().without("mcp-method").header("mcp-method", "tools/call")),
        ("no JSON", list().body("{")),
        ("no message", list().body("[]")),
        ("another type", list().without("content-type").header("content-type", "text/plain")),
        ("no type that is accepted", list().without("accept").header("accept", "text/html")),
        ("a body over every limit", list().body(vec![b' '; (4 << 20) + 1])),
        ("a handshake", Ask::initialize("", &ann)),
        ("a call in a session", session.call(1, "echo", &json!({}))),
        ("a stream of a session", session.listen(None)),
        ("the end of a session", session.delete()),
        ("a stream of no session", session.listen(None).without("mcp-session-id")),
        ("an empty session", session.with_id("").call(1, "echo", &json!({}))),
    ];
    let mut pairs = Vec::new();
    for (what, ask) in asks {
        pairs.push(Pair::ask(what, SERVER, |name| ask.clone().at(&stage.world.url(name))).await);
    }
    stage.close(&pairs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_tenant_does_not_learn_of_what_is_hidden_in_a_server() {
    let stage = Stage::set().await;
    let ann = stage.world.token("acme", "ann");
    let url = stage.world.url("fixture");
    let session = Session::open(&url, &ann).await;
    stage.fixture.received.clear();
    let tool = ["test_image_content", "test_image_contend"];
    let prompt = ["test_prompt_with_arguments", "test_prompt_with_argumentz"];
    let resource = ["test://static-binary", "test://static-binarx"];
    let rows: [(&str, [&str; 2], Params); 8] = [
        ("tools/call", tool, |name| json!({"name": name, "arguments": {"text": "x"}})),
        ("prompts/get", prompt, |name| json!({"name": name, "arguments": {"arg1": "x"}})),
        ("resources/read", resource, |uri| json!({"uri": uri})),
        ("resources/subscribe", resource, |uri| json!({"uri": uri})),
        ("resources/unsubscribe", resource, |uri| json!({"uri": uri})),
        (
            "completion/complete",
            prompt,
            |name| json!({"ref": {"type": "ref/prompt", "name": name}, "argument": {"name": "arg1", "value": ""}}),
        ),
        (
            "completion/complete",
            resource,
            |uri| json!({"ref": {"type": "ref/resource", "uri": uri}, "argument": {"name": "id", "value": ""}}),
        ),
        ("subscriptions/listen", resource, |uri| json!({"notifications": {"resourceSubscriptions": [uri]}})),
    ];
    let mut pairs = Vec::new();
    for (method, names, params) in rows {
        let modern = |name: &str| Ask::modern(&url, &ann, method, params(name));
        pairs.push(Pair::ask(&format!("{method}, {MODERN}"), names, modern).await);
        let legacy = |name: &str| Ask::legacy(&url, &ann, &session.id, method, params(name));
        pairs.push(Pair::ask(&format!("{method}, {LEGACY}"), names, legacy).await);
    }
    for pair in &pairs {
        assert!(pair.known.0.json()["error"]["code"].is_i64(), "{}: {:?}", pair.what, pair.known);
    }
    stage.close(&pairs).await;
}
