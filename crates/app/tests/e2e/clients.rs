//! The clients that people use, in every era they speak: each tenant finds its own tools and notes, and no other's.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use partywall_testkit::fixture::{Eras, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{LEGACY, MODERN};
use crate::process::{Process, free_address};
use crate::world::{Fixture, World};

/// How long somebody else's server may take to listen, on a busy machine.
const LISTENS_TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Python,
    TypeScript,
    Inspector,
}

/// A client with a token, before a server.
struct Caller {
    client: Client,
    era: &'static str,
    url: String,
    token: String,
    /// What a client writes into its home stays in here.
    home: PathBuf,
}

#[test]
fn the_python_client_sees_its_own_tenant() {
    each_sees_its_own(Client::Python, &[("auto", MODERN), ("legacy", LEGACY)]);
}

#[test]
fn the_typescript_client_sees_its_own_tenant() {
    each_sees_its_own(Client::TypeScript, &[("auto", MODERN), ("legacy", LEGACY), ("modern", MODERN)]);
}

#[test]
fn the_inspector_sees_its_own_tenant() {
    each_sees_its_own(Client::Inspector, &[("auto", MODERN), ("modern", MODERN), ("legacy", LEGACY)]);
}

/// Both tenants in each era, over the same notes: what one era wrote the other one reads, what one tenant wrote the
/// other one never does.
fn each_sees_its_own(client: Client, eras: &[(&'static str, &str)]) {
    let world = World::demo();
    let mut written = [Vec::new(), Vec::new()];
    for &(era, version) in eras {
        let callers = ["acme", "globex"].map(|tenant| Caller::new(&world, client, era, tenant));
        for ((tenant, caller), notes) in ["acme", "globex"].into_iter().zip(&callers).zip(&mut written) {
            notes.push(keeps_a_note(caller, tenant, version));
        }
        let [acme, globex] = &written;
        for (caller, own, others) in [(&callers[0], acme, globex), (&callers[1], globex, acme)] {
            finds(caller, own, others);
        }
        let spoken = if version == MODERN { "modern" } else { "legacy" };
        let calls = world.log_lines(&format!("\"subject\":\"ann-{era}\""));
        assert!(calls.iter().any(|call| call["era"] == spoken), "{client:?} {era} did not speak {spoken}: {calls:#?}");
    }
}

/// Lists the tools, adds a note, tries to delete one; gives the note's URI.
fn keeps_a_note(caller: &Caller, tenant: &str, version: &str) -> String {
    let text = format!("of {tenant} by {:?} {}", caller.client, caller.era);
    let (negotiated, results) = caller.take(&[
        json!({"op": "list_tools"}),
        json!({"op": "call", "name": "add", "args": {"text": text}}),
        json!({"op": "call", "name": "delete", "args": {"id": "none"}}),
    ]);
    let [tools, added, deleted] = &results[..] else { panic!("{caller}: {results:#?}") };
    let granted: &[&str] =
        if tenant == "acme" { &["add", "list", "search"] } else { &["add", "delete", "list", "search"] };
    assert_eq!(names(tools, "/result/tools", "name"), granted, "{caller}");
    caller.negotiated(&negotiated, version);
    // A tool that is there says that the note is not; a tool that is not there is an error.
    assert_eq!(deleted["ok"].as_bool(), Some(tenant == "globex"), "{caller}: {deleted}");
    let uri = added.pointer("/result/structuredContent/uri").and_then(Value::as_str);
    uri.unwrap_or_else(|| panic!("{caller}: {added}")).to_owned()
}

/// What the tenant wrote is all there is, in the tool's words and as resources; what the other wrote cannot be read.
fn finds(caller: &Caller, own: &[String], others: &[String]) {
    let (_, results) = caller.take(&[
        json!({"op": "call", "name": "list"}),
        json!({"op": "list_resources"}),
        json!({"op": "read", "uri": own.last()}),
        json!({"op": "read", "uri": others.last()}),
    ]);
    let [listed, resources, mine, theirs] = &results[..] else { panic!("{caller}: {results:#?}") };
    let mut expected = own.to_vec();
    expected.sort();
    let ids = names(listed, "/result/structuredContent/notes", "id");
    assert_eq!(ids.iter().map(|id| format!("note://{id}")).collect::<Vec<_>>(), expected, "{caller}");
    assert_eq!(names(resources, "/result/resources", "uri"), expected, "{caller}");
    assert_eq!(mine.pointer("/result/contents/0/uri"), own.last().map(|uri| json!(uri)).as_ref(), "{caller}: {mine}");
    assert_eq!(theirs["ok"], false, "{caller}: {theirs}");
}

#[test]
fn clients_fall_back_before_a_server_of_the_legacy_era() {
    let (_everything, _home, url) = everything();
    let world = World::demo_with(&["--server", &url]);
    for client in [Client::Python, Client::TypeScript, Client::Inspector] {
        for era in ["auto", "legacy"] {
            let caller = Caller::at(&world, client, era, "acme", "server");
            let (negotiated, results) = caller.take(&[
                json!({"op": "list_tools"}),
                json!({"op": "call", "name": "echo", "args": {"message": "hello"}}),
            ]);
            caller.negotiated(&negotiated, LEGACY);
            assert!(names(&results[0], "/result/tools", "name").contains(&"echo".to_owned()), "{caller}: {results:#?}");
            let echoed = results[1].pointer("/result/content/0/text");
            assert_eq!(echoed, Some(&json!("Echo: hello")), "{caller}: {results:#?}");
        }
    }
    for client in [Client::TypeScript, Client::Inspector] {
        let caller = Caller::at(&world, client, "modern", "acme", "server");
        let told = caller.refused();
        assert!(told.contains("2026-07-28") || told.contains("not initialized"), "{caller}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_modern_era_serves_modern_clients_and_tells_the_others() {
    let fixture = Fixture::start(Options { eras: Eras::Modern, ..Options::default() }).await;
    let world = World::demo_with(&["--server", &fixture.url]);
    for (client, era) in [
        (Client::Python, "auto"),
        (Client::Python, "modern"),
        (Client::TypeScript, "auto"),
        (Client::TypeScript, "modern"),
        (Client::Inspector, "modern"),
    ] {
        let caller = Caller::at(&world, client, era, "globex", "server");
        let echo = json!({"op": "call", "name": "echo", "args": {"text": "hello"}});
        let (negotiated, results) = caller.take(&[json!({"op": "list_tools"}), echo]);
        caller.negotiated(&negotiated, MODERN);
        assert!(names(&results[0], "/result/tools", "name").contains(&"echo".to_owned()), "{caller}: {results:#?}");
        assert_eq!(results[1].pointer("/result/content/0/text"), Some(&json!("{\"text\":\"hello\"}")), "{caller}");
    }
    for client in [Client::Python, Client::TypeScript, Client::Inspector] {
        let caller = Caller::at(&world, client, "legacy", "globex", "server");
        let told = caller.refused();
        assert!(told.contains("this protocol version is not served here"), "{caller}: {told}");
    }
}

impl Caller {
    /// Before the demo's notes, as ann of acme or gus of globex.
    fn new(world: &World, client: Client, era: &'static str, tenant: &str) -> Self {
        Self::at(world, client, era, tenant, "notes")
    }

    fn at(world: &World, client: Client, era: &'static str, tenant: &str, server: &str) -> Self {
        let person = if tenant == "acme" { "ann" } else { "gus" };
        let token = world.token(tenant, &format!("{person}-{era}"));
        Self { client, era, url: world.url(server), token, home: world.data().to_owned() }
    }

    /// Takes the steps: the version that was negotiated, and for each step `ok` with `result` or `error`.
    fn take(&self, steps: &[Value]) -> (String, Vec<Value>) {
        let mut all = self.attempt(steps);
        if self.client == Client::Inspector {
            return (String::new(), all);
        }
        let first = all.remove(0);
        let negotiated = first["negotiated"].as_str().unwrap_or_else(|| panic!("{self} did not connect: {first}"));
        (negotiated.to_owned(), all)
    }

    /// Checks what was negotiated; the Inspector does not say.
    fn negotiated(&self, negotiated: &str, expected: &str) {
        assert!(self.client == Client::Inspector || negotiated == expected, "{self} speaks {negotiated}");
    }

    /// What a client is told that does not get as far as a list of tools.
    fn refused(&self) -> String {
        let results = self.attempt(&[json!({"op": "list_tools"})]);
        let [refused] = &results[..] else { panic!("{self} connected: {results:#?}") };
        assert_eq!(refused["ok"], false, "{self}: {refused}");
        refused["error"].to_string()
    }

    fn attempt(&self, steps: &[Value]) -> Vec<Value> {
        let script = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name);
        let command = match self.client {
            Client::Python => {
                let mut command = Command::new(tool("PARTYWALL_TOOLS_PYTHON"));
                command.arg(script("python.py"));
                command
            }
            Client::TypeScript => node(&script("ts.mjs")),
            Client::Inspector => return steps.iter().map(|step| self.inspect(step)).collect(),
        };
        let results = self.run(command, &Value::from(steps).to_string());
        serde_json::from_str(&results).unwrap_or_else(|error| panic!("{self}: {error}: {results}"))
    }

    fn run(&self, mut command: Command, input: &str) -> String {
        command.args([&self.url, self.era]).env("TOKEN", &self.token).env("HOME", &self.home);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    /// One step by the Inspector, which takes one at a time.
    fn inspect(&self, step: &Value) -> Value {
        let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        let mut arguments = match &*text("op") {
            "list_tools" => vec!["tools/list".to_owned()],
            "list_resources" => vec!["resources/list".to_owned()],
            "read" => vec!["resources/read".to_owned(), "--uri".to_owned(), text("uri")],
            _ => vec!["tools/call".to_owned(), "--tool-name".to_owned(), text("name")],
        };
        for (name, value) in step["args"].as_object().into_iter().flatten() {
            arguments.extend(["--tool-arg".to_owned(), format!("{name}={}", value.as_str().unwrap())]);
        }
        let mut command = node(&tool("PARTYWALL_TOOLS_MODULES").join(".bin/mcp-inspector"));
        command.args(["--cli", &self.url, "--transport", "http", "--protocol-era", self.era, "-q"]);
        command.arg("--header").arg(format!("Authorization: Bearer {}", self.token)).env("HOME", &self.home);
        let output = command.arg("--method").args(arguments).stdin(Stdio::null()).output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        match serde_json::from_str::<Value>(&stdout) {
            Ok(result) if result.get("error").is_none() => json!({"ok": true, "result": result}),
            _ => json!({"ok": false, "error": format!("{stdout}{}", String::from_utf8_lossy(&output.stderr))}),
        }
    }
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {} at {}", self.client, self.era, self.url)
    }
}

/// The sorted names in a list within a result.
fn names(result: &Value, list: &str, name: &str) -> Vec<String> {
    let Some(Value::Array(items)) = result.pointer(list) else { panic!("no {list} in {result}") };
    let mut names: Vec<_> = items.iter().map(|item| item[name].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// What `cargo xtask test` installs. A test without it fails: one that is skipped proves nothing and looks green.
pub(crate) fn tool(variable: &str) -> PathBuf {
    let Some(path) = std::env::var_os(variable) else {
        panic!("`{variable}` is not set; run cargo xtask test, which installs what this needs")
    };
    path.into()
}

fn node(script: &Path) -> Command {
    let mut command = Command::new(tool("PARTYWALL_TOOLS_NODE"));
    command.arg(script).env("NODE_PATH", tool("PARTYWALL_TOOLS_MODULES"));
    command
}

/// The reference server of the legacy era, with a home of its own, and its URL.
fn everything() -> (Process, TempDir, String) {
    let (address, home) = (free_address(), TempDir::new().unwrap());
    let mut command = node(&tool("PARTYWALL_TOOLS_MODULES").join(".bin/mcp-server-everything"));
    command.arg("streamableHttp").env("PORT", address.port().to_string()).env("HOME", home.path());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Process(child);
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(server.0.try_wait().unwrap().is_none(), "server-everything ended before it listened");
        assert!(since.elapsed() < LISTENS_TIMEOUT, "server-everything does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    (server, home, format!("http://{address}/mcp"))
}
