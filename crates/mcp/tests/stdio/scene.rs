//! A scene: one channel, a server that the test plays, and clients whose replies are kept by call.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use partywall_mcp::stdio::{Action, Channel, Client, Failure, Options, Questions, Reply, Turned, input_required};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What a client was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    More(String),
    Answer(String),
    /// An incomplete answer, as the client reads it.
    Incomplete(String),
    Failed(Failure),
}

pub(crate) struct Scene {
    pub(crate) channel: Channel<&'static str>,
    pub(crate) now: Instant,
    pub(crate) written: Vec<String>,
    pub(crate) told: BTreeMap<u64, Vec<Told>>,
    pub(crate) ready: bool,
    pub(crate) broken: Option<&'static str>,
    /// How often it was told that another is to take the server's place.
    pub(crate) worn: usize,
}

pub(crate) const ALL: Questions = Questions { sampling: true, elicitation: true, roots: true };

#[derive(serde::Deserialize)]
struct HasId {
    id: Box<RawValue>,
}

impl Scene {
    pub(crate) fn open(options: Options) -> Self {
        let now = Instant::now();
        let channel = Channel::open(options, now);
        let (written, told) = (Vec::new(), BTreeMap::new());
        let mut scene = Self { channel, now, written, told, ready: false, broken: None, worn: 0 };
        scene.settle();
        scene
    }

    /// A legacy server, its handshake done.
    pub(crate) fn legacy(questions: Questions) -> Self {
        let mut scene = Self::open(Options { questions, ..Options::default() });
        let discover = scene.request("server/discover");
        scene.fails(&discover["id"], -32_601);
        let initialize = scene.request("initialize");
        scene.answers(&initialize["id"], &legacy_server());
        assert_eq!(scene.last()["method"], "notifications/initialized");
        scene
    }

    /// A modern server, its handshake done.
    pub(crate) fn modern() -> Self {
        let mut scene = Self::open(Options { questions: ALL, ..Options::default() });
        let discover = scene.request("server/discover");
        scene.answers(&discover["id"], &modern_server());
        scene
    }

    /// Performs what there is to do.
    pub(crate) fn settle(&mut self) {
        while let Some(action) = self.channel.next_action() {
            match action {
                Action::Write(line) => {
                    assert!(!line.contains(['\n', '\r']), "one message is one line: {line}");
                    self.written.push(line);
                }
                Action::Reply { call, reply } => self.told.entry(call).or_default().push(match reply {
                    Reply::More(text) => Told::More(text),
                    Reply::Answer(text) => Told::Answer(text),
                    Reply::InputRequired { id, questions } => {
                        Told::Incomplete(input_required(&id, &questions, &format!("state-{call}")))
                    }
                    Reply::Failed(why) => Told::Failed(why),
                }),
                Action::Ready(_) => self.ready = true,
                Action::Broken(why) => self.broken = Some(why),
                Action::Worn => self.worn += 1,
            }
        }
    }

    /// The server writes a line.
    pub(crate) fn says(&mut self, line: &str) {
        self.channel.line(line.as_bytes(), self.now);
        self.settle();
    }

    pub(crate) fn answers(&mut self, id: &Value, result: &Value) {
        self.says(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string());
    }

    pub(crate) fn fails(&mut self, id: &Value, code: i64) {
        self.says(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": "no"}}).to_string());
    }

    pub(crate) fn asks(&mut self, id: &Value, method: &str) {
        self.says(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"x": "secret"}}).to_string());
    }

    pub(crate) fn tells(&mut self, method: &str, params: &Value) {
        self.says(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.channel.tick(self.now);
        self.settle();
    }

    /// A request of a modern client that can be asked everything.
    pub(crate) fn modern_call(&mut self, owner: &'static str, body: &Value) -> u64 {
        let mut body = body.clone();
        body["jsonrpc"] = "2.0".into();
        let capabilities = json!({"sampling": {}, "elicitation": {}, "roots": {}});
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        self.sends(owner, None, &body.to_string()).expect("the call is taken")
    }

    /// A request of a legacy client that can be asked everything.
    pub(crate) fn legacy_call(&mut self, owner: &'static str, body: &Value) -> u64 {
        let mut body = body.clone();
        body["jsonrpc"] = "2.0".into();
        self.sends(owner, Some(&legacy_client()), &body.to_string()).expect("the call is taken")
    }

    pub(crate) fn sends(&mut self, owner: &'static str, client: Option<&Client>, body: &str) -> Result<u64, Turned> {
        let taken = self.channel.request(owner, client, body.as_bytes());
        self.settle();
        taken
    }

    pub(crate) fn responds(&mut self, owner: &'static str, id: &Value, result: &Value) -> Result<(), Turned> {
        let body = json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string();
        let taken = self.channel.respond(&owner, body.as_bytes());
        self.settle();
        taken
    }

    pub(crate) fn resumes(&mut self, owner: &'static str, call: u64, body: &Value) -> Result<(), Turned> {
        let mut body = body.clone();
        body["jsonrpc"] = "2.0".into();
        let taken = self.channel.resume(&owner, call, body.to_string().as_bytes(), self.now);
        self.settle();
        taken
    }

    pub(crate) fn leaves(&mut self, call: u64) {
        self.channel.left(call, self.now);
        self.settle();
    }

    /// The last line that the server was sent.
    pub(crate) fn last(&self) -> Value {
        serde_json::from_str(self.written.last().expect("a line was written")).expect("a line is JSON")
    }

    /// The id of the last line, also where it carries numbers that nobody reads.
    pub(crate) fn last_id(&self) -> String {
        let line = self.written.last().expect("a line was written");
        serde_json::from_str::<HasId>(line).expect("a request has an id").id.to_string()
    }

    /// The last line, which is a request of this method.
    pub(crate) fn request(&self, method: &str) -> Value {
        let last = self.last();
        assert_eq!(last["method"], method);
        last
    }

    /// What the client of a call was told, as JSON.
    pub(crate) fn heard(&self, call: u64) -> Vec<Value> {
        let told = self.told.get(&call).map(Vec::as_slice).unwrap_or_default();
        told.iter()
            .map(|told| match told {
                Told::More(text) | Told::Answer(text) | Told::Incomplete(text) => {
                    serde_json::from_str(text).expect("a client is told JSON")
                }
                Told::Failed(why) => json!({"failed": format!("{why:?}")}),
            })
            .collect()
    }

    pub(crate) fn last_heard(&self, call: u64) -> Value {
        self.heard(call).pop().unwrap_or_default()
    }
}

pub(crate) fn legacy_client() -> Client {
    let said = json!({"protocolVersion": "2025-11-25", "capabilities": {"sampling": {}, "elicitation": {}, "roots": {}}, "clientInfo": {"name": "c", "version": "1"}});
    Client::initialized(Some(&RawValue::from_string(said.to_string()).expect("JSON")))
}

pub(crate) fn legacy_server() -> Value {
    json!({
        "protocolVersion": "2025-06-18", "serverInfo": {"name": "old", "version": "1"},
        "capabilities": {"tools": {"listChanged": true}, "resources": {"subscribe": true, "listChanged": true}, "logging": {}},
    })
}

pub(crate) fn modern_server() -> Value {
    json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"], "ttlMs": 0, "cacheScope": "private",
        "capabilities": {"tools": {"listChanged": true}, "resources": {"subscribe": true}},
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "new", "version": "1"}},
    })
}

/// A call of a tool.
pub(crate) fn tool(id: impl Into<Value>) -> Value {
    json!({"id": id.into(), "method": "tools/call", "params": {"name": "t", "arguments": {}}})
}
