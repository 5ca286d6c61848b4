//! A real server over real pipes: the fixture as a child process, spoken to by the gateway's own connection, by clients
//! of both eras.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test that called it")]

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use partywall_gateway::stdio::{
    Answer, Call, Client, Connection, Failure, Options, Questions, Reply, Settings, Turned,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// How long anything may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

const ERAS: [&str; 3] = ["both", "legacy", "modern"];

/// The server, and the connection to it. Dropped, it is killed.
struct Instance {
    child: Child,
    connection: Connection<&'static str>,
}

async fn instance(eras: &str, questions: Questions) -> Instance {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixture"));
    command.args(["--stdio", "--eras", eras]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let options = Options { questions, ..Options::default() };
    let connection =
        Connection::open(input, output, Settings { options, ..Settings::default() }, std::sync::Arc::default());
    patient(connection.ready()).await.unwrap_or_else(|why| panic!("the fixture that speaks {eras}: {why}"));
    Instance { child, connection }
}

async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing hangs")
}

const ALL: Questions = Questions { sampling: true, elicitation: true, roots: false };

/// A client of either era.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Era {
    Modern,
    Legacy,
}

impl Era {
    fn body(self, method: &str, params: &Value) -> Bytes {
        let mut params = params.clone();
        if self == Self::Modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"sampling": {}, "elicitation": {}});
        }
        json!({"jsonrpc": "2.0", "id": "mine", "method": method, "params": params}).to_string().into()
    }

    fn client(self) -> Option<Client> {
        let said =
            json!({"capabilities": {"sampling": {}, "elicitation": {}}, "clientInfo": {"name": "c", "version": "1"}});
        (self == Self::Legacy).then(|| Client::initialized(Some(&RawValue::from_string(said.to_string()).unwrap())))
    }
}

impl Instance {
    async fn call(&self, era: Era, method: &str, params: &Value) -> Call<&'static str> {
        patient(self.connection.request("ann", era.client(), era.body(method, params))).await.unwrap()
    }

    /// A tool's call, with all that its client was told.
    async fn tool(&self, era: Era, name: &str, arguments: &Value) -> Vec<Value> {
        let params = json!({"name": name, "arguments": arguments, "_meta": {"progressToken": "p"}});
        told(self.call(era, "tools/call", &params).await).await
    }

    /// Has the tools change until a listener hears of it: a modern server acknowledges a subscription a moment before it
    /// begins to follow what it was asked for.
    async fn announced_to(&self, listener: &mut Call<&'static str>) -> Value {
        patient(async {
            loop {
                self.tool(Era::Legacy, "test_trigger_tool_change", &json!({})).await;
                if let Ok(told) = tokio::time::timeout(Duration::from_millis(200), listener.next()).await {
                    return read(told.unwrap());
                }
            }
        })
        .await
    }
}

/// Everything that a call's client is told.
async fn told(mut call: Call<&'static str>) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some(reply) = patient(call.next()).await {
        all.push(read(reply));
    }
    all
}

fn read(reply: Reply) -> Value {
    match reply {
        Reply::More(text) | Reply::Answer(text) => serde_json::from_str(&text).unwrap(),
        Reply::InputRequired { questions, .. } => serde_json::from_str(&questions).unwrap(),
        Reply::Failed(why) => json!(format!("{why:?}")),
    }
}

#[tokio::test]
async fn clients_of_both_eras_work_with_a_server_of_either() {
    for eras in ERAS {
        let instance = instance(eras, Questions::default()).await;
        for era in [Era::Modern, Era::Legacy] {
            let list = told(instance.call(era, "tools/list", &json!({})).await).await;
            assert!(
                list[0]["result"]["tools"].as_array().is_some_and(|tools| tools.len() > 20),
                "{eras} {era:?}: {list:?}"
            );
            let answer = instance.tool(era, "echo", &json!({"x": [1, "\u{e9}"]})).await;
            assert_eq!(answer[0]["id"], "mine", "{eras} {era:?}: {answer:?}");
            let text = answer[0]["result"]["content"][0]["text"].as_str().unwrap();
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!({"x": [1, "\u{e9}"]}));
            assert!(era == Era::Legacy || answer[0]["result"]["resultType"] == "complete", "{eras}: {answer:?}");
            let progress = instance.tool(era, "test_tool_with_progress", &json!({})).await;
            let tokens: Vec<_> = progress.iter().filter_map(|told| told["params"]["progressToken"].as_str()).collect();
            assert_eq!(tokens, ["p", "p", "p"], "{eras} {era:?}: {progress:?}");
            let unknown = told(instance.call(era, "resources/read", &json!({"uri": "test://nothing"})).await).await;
            assert!(unknown[0]["error"]["code"].is_i64(), "{eras} {era:?}: {unknown:?}");
        }
    }
}

#[tokio::test]
async fn clients_of_both_eras_are_described_a_server_of_either() {
    for eras in ERAS {
        let instance = instance(eras, Questions::default()).await;
        let discovered = told(instance.call(Era::Modern, "server/discover", &json!({})).await).await;
        let result = &discovered[0]["result"];
        assert_eq!(result["supportedVersions"][0], "2026-07-28", "{eras}");
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "partywall-fixture", "{eras}");
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}});
        let initialized = told(instance.call(Era::Legacy, "initialize", &params).await).await;
        assert_eq!(initialized[0]["result"]["protocolVersion"], "2025-06-18", "{eras}");
        assert_eq!(initialized[0]["result"]["instructions"], "A server for tests.", "{eras}");
    }
}

#[tokio::test]
async fn a_legacy_server_asks_clients_of_both_eras() {
    let instance = instance("legacy", ALL).await;
    let params = json!({"name": "test_elicitation", "arguments": {"message": "who?"}});
    let said = json!({"action": "accept", "content": {"username": "ann", "email": "a@b"}});

    let mut call = instance.call(Era::Legacy, "tools/call", &params).await;
    let asked = read(patient(call.next()).await.unwrap());
    assert_eq!((&asked["method"], &asked["params"]["message"]), (&json!("elicitation/create"), &json!("who?")));
    let response = Bytes::from(json!({"jsonrpc": "2.0", "id": asked["id"], "result": said}).to_string());
    assert_eq!(patient(instance.connection.respond("bob", response.clone())).await, Err(Turned::Unknown));
    assert_eq!(patient(instance.connection.respond("ann", response)).await, Ok(()));
    let answer = read(patient(call.next()).await.unwrap());
    assert!(answer["result"]["content"][0]["text"].as_str().unwrap().starts_with("User response: action=accept"));

    let mut call = instance.call(Era::Modern, "tools/call", &params).await;
    let number = call.number();
    let asked = read(patient(call.next()).await.unwrap());
    drop(call);
    let (key, question) = asked.as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["params"]["message"], "who?");
    let mut again = params.clone();
    again["inputResponses"] = json!({key: said});
    let body = Era::Modern.body("tools/call", &again);
    assert!(patient(instance.connection.resume("bob", number, body.clone())).await.is_err(), "it is not bob's");
    let answer = told(patient(instance.connection.resume("ann", number, body)).await.unwrap()).await;
    assert!(answer[0]["result"]["content"][0]["text"].as_str().unwrap().starts_with("User response: action=accept"));
}

#[tokio::test]
async fn a_modern_server_asks_clients_of_both_eras() {
    let instance = instance("modern", ALL).await;
    let params = json!({"name": "test_input_required_result_elicitation", "arguments": {}});
    let said = json!({"action": "accept", "content": {"name": "Ann"}});

    let mut call = instance.call(Era::Legacy, "tools/call", &params).await;
    let asked = read(patient(call.next()).await.unwrap());
    assert_eq!(asked["method"], "elicitation/create");
    let response = json!({"jsonrpc": "2.0", "id": asked["id"], "result": said}).to_string();
    patient(instance.connection.respond("ann", response.into())).await.unwrap();
    assert_eq!(read(patient(call.next()).await.unwrap())["result"]["content"][0]["text"], "Hello, Ann!");

    let asked = told(instance.call(Era::Modern, "tools/call", &params).await).await;
    assert_eq!(asked[0]["result"]["resultType"], "input_required");
    let mut again = params.clone();
    again["inputResponses"] = json!({"user_name": said});
    let answer = told(instance.call(Era::Modern, "tools/call", &again).await).await;
    assert_eq!(answer[0]["result"]["content"][0]["text"], "Hello, Ann!");
}

#[tokio::test]
async fn clients_of_both_eras_hear_of_changes() {
    for eras in ["legacy", "modern"] {
        let instance = instance(eras, Questions::default()).await;
        let filter = json!({"notifications": {"toolsListChanged": true}});
        let mut modern = instance.call(Era::Modern, "subscriptions/listen", &filter).await;
        let mut legacy = patient(instance.connection.stream("bob", Era::Legacy.client().unwrap())).await.unwrap();
        let first = read(patient(modern.next()).await.unwrap());
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{eras}");
        let told = instance.announced_to(&mut legacy).await;
        assert_eq!(told["method"], "notifications/tools/list_changed", "{eras}");
        let change = instance.announced_to(&mut modern).await;
        assert_eq!(change["method"], "notifications/tools/list_changed", "{eras}");
        assert_eq!(change["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "mine", "{eras}");
    }
}

#[tokio::test]
async fn a_modern_client_that_leaves_wakes_the_server() {
    for eras in ["legacy", "modern"] {
        let instance = instance(eras, ALL).await;
        drop(instance.call(Era::Modern, "tools/call", &json!({"name": "sleep", "arguments": {"ms": 600_000}})).await);
        // Where owners take turns, bob's turn comes once ann's call has ended.
        let body = Era::Legacy.body("tools/call", &json!({"name": "echo", "arguments": {}}));
        let call = patient(instance.connection.request("bob", Era::Legacy.client(), body)).await.unwrap();
        assert_eq!(told(call).await[0]["id"], "mine", "{eras}");
    }
}

#[tokio::test]
async fn an_instance_that_dies_ends_what_waits_for_it() {
    let mut instance = instance("legacy", Questions::default()).await;
    let mut call =
        instance.call(Era::Legacy, "tools/call", &json!({"name": "sleep", "arguments": {"ms": 600_000}})).await;
    let streamed = instance.call(Era::Modern, "subscriptions/listen", &json!({"notifications": {}})).await;
    instance.child.kill().await.unwrap();
    assert!(matches!(patient(call.next()).await, Some(Reply::Failed(Failure::Gone))));
    // A stream that has begun ends with an error that says so.
    let id = RawValue::from_string("7".to_owned()).unwrap();
    let Answer::Events(events) = patient(Answer::of(streamed, Some(&id), Box::new(|_| None))).await else {
        panic!("a subscription is a stream")
    };
    let all = patient(events.collect()).await.unwrap().to_bytes();
    let last = String::from_utf8(all.to_vec()).unwrap();
    assert!(last.ends_with("\"error\":{\"code\":50200,\"message\":\"the server cannot be reached\"}}\n\n"), "{last}");
    let body = Era::Legacy.body("tools/list", &json!({}));
    let again = patient(instance.connection.request("ann", Era::Legacy.client(), body)).await;
    assert_eq!(again.err(), Some(Turned::Gone));
    assert!(instance.connection.is_gone());
}
