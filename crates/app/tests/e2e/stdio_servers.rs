//! Servers on stdio that nobody here wrote, unchanged, as child processes behind the gateway's connection, spoken to by
//! clients of both eras.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use partywall_gateway::stdio::{Call, Client, Connection, Options, Questions, Reply, Settings};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::caller::tool;

/// How long anything may take, on a slow and busy machine: Node alone takes seconds to start.
const PATIENCE: Duration = Duration::from_mins(1);

struct Server {
    _child: Child,
    _home: TempDir,
    connection: Connection<&'static str>,
}

/// One of the official servers, by the name of its program.
async fn server(program: &str, arguments: &[&str], questions: Questions) -> Server {
    let home = TempDir::new().unwrap();
    let mut command = Command::new(tool("PARTYWALL_TOOLS_NODE"));
    command.arg(tool("PARTYWALL_TOOLS_MODULES").join(Path::new(".bin").join(program))).args(arguments);
    command.env("HOME", home.path()).env("MEMORY_FILE_PATH", home.path().join("memory.jsonl"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let options = Options { questions, ..Options::default() };
    let connection =
        Connection::open(input, output, Settings { options, ..Settings::default() }, std::sync::Arc::default());
    patient(connection.ready()).await.unwrap_or_else(|why| panic!("{program}: {why}"));
    Server { _child: child, _home: home, connection }
}

async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing hangs")
}

fn body(modern: bool, method: &str, mut params: Value) -> String {
    if modern {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {}, "sampling": {}});
    }
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

impl Server {
    async fn call(&self, modern: bool, method: &str, params: Value) -> Call<&'static str> {
        let said = json!({"capabilities": {"elicitation": {}, "sampling": {}}});
        let client = Client::initialized(Some(&RawValue::from_string(said.to_string()).unwrap()));
        let body = body(modern, method, params);
        patient(self.connection.request("ann", (!modern).then_some(client), body.into())).await.unwrap()
    }

    /// What a call's client is told, to the end.
    async fn told(&self, modern: bool, method: &str, params: Value) -> Vec<Value> {
        told(self.call(modern, method, params).await).await
    }
}

async fn told(mut call: Call<&'static str>) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some(reply) = patient(call.next()).await {
        all.push(match reply {
            Reply::More(text) | Reply::Answer(text) => serde_json::from_str(&text).unwrap(),
            Reply::InputRequired { questions, .. } => serde_json::from_str(&questions).unwrap(),
            Reply::Failed(why) => panic!("{why:?}"),
        });
    }
    all
}

#[tokio::test]
async fn server_everything_serves_clients_of_both_eras() {
    let questions = Questions { sampling: true, elicitation: true, roots: false };
    let server = server("mcp-server-everything", &["stdio"], questions).await;
    for modern in [true, false] {
        let list = server.told(modern, "tools/list", json!({})).await;
        let tools = list[0]["result"]["tools"].as_array().unwrap();
        assert!(tools.iter().any(|tool| tool["name"] == "trigger-elicitation-request"), "{tools:?}");
        let echo =
            server.told(modern, "tools/call", json!({"name": "echo", "arguments": {"message": "h\u{e9}"}})).await;
        assert_eq!(echo[0]["result"]["content"][0]["text"], "Echo: h\u{e9}");
        let long = json!({"name": "trigger-long-running-operation", "arguments": {"duration": 0.2, "steps": 2}, "_meta": {"progressToken": "p"}});
        let long = server.told(modern, "tools/call", long).await;
        let tokens: Vec<_> = long.iter().filter_map(|told| told["params"]["progressToken"].as_str()).collect();
        assert_eq!(tokens, ["p", "p"], "{long:?}");
    }
}

#[tokio::test]
async fn server_everything_asks_a_modern_client_by_an_incomplete_answer() {
    let questions = Questions { sampling: true, elicitation: true, roots: false };
    let server = server("mcp-server-everything", &["stdio"], questions).await;
    let mut params = json!({"name": "trigger-elicitation-request", "arguments": {}});
    let call = server.call(true, "tools/call", params.clone()).await;
    let number = call.number();
    let asked = told(call).await.remove(0);
    let (key, question) = asked.as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    params["inputResponses"] = json!({key: {"action": "accept", "content": {"name": "Ann"}}});
    let again = body(true, "tools/call", params);
    let answer = told(patient(server.connection.resume("ann", number, again.into())).await.unwrap()).await;
    assert!(answer[0]["result"]["content"][1]["text"].as_str().unwrap().contains("- Name: Ann"), "{answer:?}");
}

#[tokio::test]
async fn server_memory_remembers_for_clients_of_both_eras() {
    let server = server("mcp-server-memory", &[], Questions::default()).await;
    let entities = json!({"entities": [{"name": "Ann", "entityType": "person", "observations": ["likes tea"]}]});
    let created = server.told(true, "tools/call", json!({"name": "create_entities", "arguments": entities})).await;
    assert_eq!(created[0]["result"]["resultType"], "complete", "{created:?}");
    let graph = server.told(false, "tools/call", json!({"name": "read_graph", "arguments": {}})).await;
    assert_eq!(graph[0]["result"]["structuredContent"]["entities"][0]["name"], "Ann", "{graph:?}");
}
