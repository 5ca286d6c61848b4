//! The clients that people use, before a server of a world. They are driven; what is right is decided by who drives them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Python,
    TypeScript,
    Inspector,
}

/// A client with a token, before a server.
pub(crate) struct Caller {
    pub(crate) client: Client,
    pub(crate) era: &'static str,
    url: String,
    token: String,
    /// What a client writes into its home stays in here.
    home: PathBuf,
}

impl Caller {
    /// As ann of acme or gus of globex, before a server of the world.
    pub(crate) fn at(world: &World, client: Client, era: &'static str, tenant: &str, server: &str) -> Self {
        let person = if tenant == "acme" { "ann" } else { "gus" };
        let token = world.token(tenant, &format!("{person}-{era}"));
        Self { client, era, url: world.url(server), token, home: world.data().to_owned() }
    }

    /// Takes the steps: the version that was negotiated, and for each step `ok` with `result` or `error`.
    pub(crate) fn take(&self, steps: &[Value]) -> (String, Vec<Value>) {
        let mut all = self.attempt(steps);
        if self.client == Client::Inspector {
            return (String::new(), all);
        }
        let first = all.remove(0);
        let negotiated = first["negotiated"].as_str().unwrap_or_else(|| panic!("{self} did not connect: {first}"));
        (negotiated.to_owned(), all)
    }

    /// Checks what was negotiated; the Inspector does not say.
    pub(crate) fn negotiated(&self, negotiated: &str, expected: &str) {
        assert!(self.client == Client::Inspector || negotiated == expected, "{self} speaks {negotiated}");
    }

    /// What a client is told that does not get as far as a list of tools.
    pub(crate) fn refused(&self) -> String {
        let results = self.attempt(&[json!({"op": "list_tools"})]);
        let [refused] = &results[..] else { panic!("{self} connected: {results:#?}") };
        assert_eq!(refused["ok"], false, "{self}: {refused}");
        refused["error"].to_string()
    }

    pub(crate) fn attempt(&self, steps: &[Value]) -> Vec<Value> {
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
            arguments.extend([
                "--tool-arg".to_owned(),
                format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            ]);
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
pub(crate) fn names(result: &Value, list: &str, name: &str) -> Vec<String> {
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

pub(crate) fn node(script: &Path) -> Command {
    let mut command = Command::new(tool("PARTYWALL_TOOLS_NODE"));
    command.arg(script).env("NODE_PATH", tool("PARTYWALL_TOOLS_MODULES"));
    command
}
