//! The task between a server that the test plays, over a pipe in memory, and clients.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use partywall_mcp::Era;
use partywall_mcp::stdio::{Client, Failure, Options, Questions, Reply, Turned};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines};

use super::{Answer, Call, Connection, Settings};

/// How long anything may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The least that 1,400 notices take with two calls under way: 400 may come at once, and 2,000 in a second.
const QUIET: Duration = Duration::from_millis(500);
/// What the pipe holds, in bytes.
const PIPE_BYTES: usize = 4 << 10;

/// The server's side.
struct Server {
    reads: Lines<BufReader<DuplexStream>>,
    writes: DuplexStream,
}

impl Server {
    async fn next(&mut self) -> Value {
        let line = patient(self.reads.next_line()).await.unwrap().expect("a line comes");
        serde_json::from_str(&line).unwrap()
    }

    async fn says(&mut self, message: &Value) {
        patient(self.writes.write_all(format!("{message}\n").as_bytes())).await.unwrap();
    }

    async fn answers(&mut self, request: &Value, result: &Value) {
        self.says(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result})).await;
    }
}

async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing hangs")
}

fn pipes(settings: Settings) -> (Connection<&'static str>, Server) {
    let (input, reads) = tokio::io::duplex(PIPE_BYTES);
    let (writes, output) = tokio::io::duplex(PIPE_BYTES);
    let connection = Connection::open(input, output, settings, std::sync::Arc::default());
    (connection, Server { reads: BufReader::new(reads).lines(), writes })
}

/// A legacy server, its handshake done.
async fn legacy(line_bytes_max: usize) -> (Connection<&'static str>, Server) {
    greeted(Options { era: Some(Era::Legacy), ..Options::default() }, line_bytes_max).await
}

/// A legacy server that may ask for folders, its handshake done.
async fn asking() -> (Connection<&'static str>, Server) {
    let questions = Questions { roots: true, ..Questions::default() };
    greeted(Options { era: Some(Era::Legacy), questions, ..Options::default() }, LINE).await
}

async fn greeted(options: Options, line_bytes_max: usize) -> (Connection<&'static str>, Server) {
    let (connection, mut server) = pipes(Settings { options, line_bytes_max, ..Settings::default() });
    let initialize = server.next().await;
    let result =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}});
    server.answers(&initialize, &result).await;
    patient(connection.ready()).await.unwrap();
    assert_eq!(server.next().await["method"], "notifications/initialized");
    (connection, server)
}

const LINE: usize = 1 << 20;

async fn call(connection: &Connection<&'static str>, id: u64) -> Call<&'static str> {
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "t", "_meta": {"progressToken": 1}}});
    patient(connection.request("ann", Some(Client::initialized(None)), body.to_string().into())).await.unwrap()
}

async fn form(call: Call<&'static str>) -> Answer<&'static str> {
    let id = RawValue::from_string("1".to_owned()).unwrap();
    patient(Answer::of(call, Some(&id), Box::new(|_| None))).await
}

#[tokio::test]
async fn an_answer_alone_is_json_and_one_with_more_before_it_is_events() {
    let (connection, mut server) = legacy(LINE).await;
    let alone = call(&connection, 1).await;
    let request = server.next().await;
    server.answers(&request, &json!({"ok": 1})).await;
    let Answer::Json(body) = form(alone).await else { panic!("an answer alone is JSON") };
    assert_eq!(body, r#"{"id":1,"jsonrpc":"2.0","result":{"ok":1}}"#);

    let more = call(&connection, 1).await;
    let request = server.next().await;
    let params = json!({"progressToken": request["id"], "progress": 1});
    server.says(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
    server.answers(&request, &json!({"ok": 2})).await;
    let Answer::Events(events) = form(more).await else { panic!("more than an answer is a stream") };
    let all = patient(events.collect()).await.unwrap().to_bytes();
    let expected = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1,\"progressToken\":1}}\n\n\
        data: {\"id\":1,\"jsonrpc\":\"2.0\",\"result\":{\"ok\":2}}\n\n";
    assert_eq!(all, expected);
}

/// Nothing of it is lost, and what it is sent goes out meanwhile.
#[tokio::test]
async fn a_server_that_says_what_nobody_asked_for_is_read_no_faster_than_it_may_speak() {
    const NOTICES: u32 = 1_400;
    let (connection, Server { mut reads, mut writes }) = legacy(LINE).await;
    let waits = call(&connection, 1).await;
    let request: Value = serde_json::from_str(&reads.next_line().await.unwrap().unwrap()).unwrap();
    let since = Instant::now();
    let speaking = tokio::spawn(async move {
        let notice = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n".repeat(100);
        for _ in 0..NOTICES / 100 {
            writes.write_all(notice.as_bytes()).await.unwrap();
        }
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": {}});
        writes.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
        writes
    });
    let _second = call(&connection, 2).await;
    assert!(patient(reads.next_line()).await.unwrap().unwrap().contains("tools/call"));
    let Answer::Events(events) = form(waits).await else { panic!("notices come before the answer") };
    let all = patient(events.collect()).await.unwrap().to_bytes();
    assert_eq!(str::from_utf8(&all).unwrap().lines().count(), 2 * (NOTICES as usize + 1));
    assert!(since.elapsed() > QUIET, "all was read at once: {:?}", since.elapsed());
    drop(speaking.await.unwrap());
}

#[tokio::test]
async fn a_server_that_ends_ends_everything() {
    let (connection, mut server) = legacy(LINE).await;
    let (mut waits, gone) = (call(&connection, 1).await, call(&connection, 2).await);
    server.next().await;
    drop(server);
    assert!(matches!(patient(waits.next()).await, Some(Reply::Failed(Failure::Gone))));
    assert!(matches!(form(gone).await, Answer::Gone));
    let again = patient(connection.request("ann", None, Bytes::from_static(b"{}"))).await;
    assert_eq!(again.err(), Some(Turned::Gone));
    assert!(connection.is_gone());
}

#[tokio::test]
async fn a_server_that_ends_before_it_is_ready_says_so() {
    let (connection, server) = pipes(Settings::default());
    drop(server);
    assert_eq!(patient(connection.ready()).await.err(), Some("the server ended".to_owned()));
}

#[tokio::test]
async fn a_line_over_its_limit_ends_the_instance() {
    let (connection, mut server) = legacy(1_000).await;
    let mut waits = call(&connection, 1).await;
    server.next().await;
    let flood = async { while server.writes.write_all(&[b'x'; 100]).await.is_ok() {} };
    patient(flood).await;
    assert!(matches!(patient(waits.next()).await, Some(Reply::Failed(Failure::Gone))));
    assert_eq!(patient(connection.ready()).await.err(), Some("a line of the server is over its limit".to_owned()));
}

/// A server that writes and does not read, while its pipes are full, does not stop the task from reading it.
#[tokio::test]
async fn a_server_that_does_not_read_is_still_read() {
    let (connection, mut server) = legacy(LINE).await;
    let first = call(&connection, 1).await;
    let request = server.next().await;
    let big = "x".repeat(PIPE_BYTES);
    let mut more = Vec::new();
    for id in 2..20 {
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": big}}).to_string();
        more.push(patient(connection.request("ann", Some(Client::initialized(None)), body.into())).await.unwrap());
    }
    server.answers(&request, &json!({"ok": big})).await;
    assert!(matches!(form(first).await, Answer::Json(_)));
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_call_and_the_others_go_on() {
    let (connection, mut server) = legacy(LINE).await;
    let slow = call(&connection, 1).await;
    let request = server.next().await;
    let other = call(&connection, 2).await;
    let others = server.next().await;
    for _ in 0..1_000 {
        let params = json!({"progressToken": request["id"], "progress": 1});
        server.says(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})).await;
    }
    server.answers(&others, &json!({})).await;
    assert!(matches!(form(other).await, Answer::Json(_)));
    let Answer::Events(events) = form(slow).await else { panic!("progress came") };
    let all = patient(events.collect()).await.unwrap().to_bytes();
    let text = String::from_utf8(all.to_vec()).unwrap();
    assert!(!text.contains("\"result\"") && text.matches("data: ").count() < 1_000);
}

/// A question may come while its client leaves, on either side of it; one that was read is waited for.
#[tokio::test]
async fn a_client_that_leaves_without_reading_a_question_is_not_waited_for() {
    let (connection, mut server) = asking().await;
    let params = json!({"name": "t", "_meta": {"io.modelcontextprotocol/clientCapabilities": {"roots": {}}}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    for (question, reads) in [(1, false), (2, true)] {
        let mut call = patient(connection.request("ann", None, body.clone().into())).await.unwrap();
        let request = server.next().await;
        server.says(&json!({"jsonrpc": "2.0", "id": question, "method": "roots/list"})).await;
        // The ping is answered after the question was put.
        server.says(&json!({"jsonrpc": "2.0", "id": "after", "method": "ping"})).await;
        assert_eq!(server.next().await["id"], "after");
        if reads {
            assert!(matches!(patient(call.next()).await, Some(Reply::InputRequired { .. })));
        }
        let number = call.number();
        drop(call);
        if reads {
            let back = patient(connection.resume("ann", number, body.clone().into())).await;
            assert!(back.is_ok(), "it is waited for");
        } else {
            assert_eq!(server.next().await["method"], "notifications/cancelled");
            assert_eq!(server.next().await["error"]["code"], 40_900);
            server.answers(&request, &json!({})).await;
        }
    }
}

#[tokio::test]
async fn the_last_handle_ends_the_task_and_with_it_the_servers_input() {
    let (connection, mut server) = legacy(LINE).await;
    drop(connection);
    assert!(patient(server.reads.next_line()).await.unwrap().is_none());
}
