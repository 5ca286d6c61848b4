//! The life of a node: it stops without breaking off what it began, it comes back from a crash knowing what it owes, and
//! each call leaves its line.

mod upstreams;

use http::Method;
use partywall_testkit::token::Issuer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::http::{Answer, Ask};
use crate::legacy::Session;
use crate::node::{Node, issuer_document};
use crate::scripted::{Events, Scripted, until};
use crate::world::World;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A node with a scripted upstream behind it.
struct House {
    node: Node,
    upstream: Scripted,
    token: String,
}

impl House {
    async fn build() -> Self {
        let upstream = Scripted::start().await;
        let issuer = Issuer::new("https://login.example.com");
        let node = Node::start(TempDir::new().unwrap()).await;
        let documents = upstream.documents("", "").replace("development", "corporate");
        node.must_apply(&format!("[plan.standard]\n{}\n{documents}", issuer_document(&issuer)));
        let token = node.token(&issuer, "acme", "ann");
        Self { node, upstream, token }
    }

    fn modern(&self, method: &str) -> Ask {
        Ask::modern(&self.node.url("scripted"), &self.token, method, json!({"name": "any"}))
    }

    fn session(&self) -> Session {
        Session { url: self.node.url("scripted"), token: self.token.clone(), id: String::new() }
    }

    /// Sends a request whose answer begins as a stream.
    async fn begin(&mut self, ask: &Ask) -> (Events, crate::scripted::Feed) {
        let (answer, feed) = tokio::join!(ask.open(), async { self.upstream.asked().await.stream() });
        (Events::of(answer), feed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_node_that_stops_ends_what_it_began() {
    let mut house = House::build().await;
    let slow = house.modern("tools/call");
    let slow = tokio::spawn(async move { slow.send().await });
    let asked = house.upstream.asked().await;
    let call = house.session().call(7, "any", &json!({})).without("mcp-session-id");
    let (mut working, work) = house.begin(&call).await;
    let (mut listening, listened) = house.begin(&house.modern("subscriptions/listen")).await;
    let (mut getting, got) = house.begin(&house.session().listen(None).without("mcp-session-id")).await;
    for (events, feed) in [(&mut listening, &listened), (&mut getting, &got), (&mut working, &work)] {
        feed.event(&json!({"n": 1})).await;
        assert_eq!(events.message().await, json!({"n": 1}));
    }
    house.node.terminate();
    // What would never end by itself ends now, each as its era ends it.
    let meta = json!({"io.modelcontextprotocol/subscriptionId": 1});
    let end = json!({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "complete", "_meta": meta}});
    assert_eq!(listening.message().await, end);
    assert_eq!((listening.event().await, getting.event().await), (None, None));
    listened.closed().await;
    got.closed().await;
    // Nobody new gets in.
    let address = house.node.url("").trim_start_matches("http://").trim_end_matches("/mcp/").to_owned();
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    // What was begun is brought to its end.
    work.event(&json!({"n": 2})).await;
    drop(work);
    assert_eq!((working.message().await, working.event().await), (json!({"n": 2}), None));
    asked.done();
    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!(house.node.ended().await.code(), Some(0));
    assert_eq!(house.node.log_lines("\"stopped\"")[0]["connections_cut"], 0);
    let calls = house.node.log_lines("\"call\"");
    assert!(calls.iter().all(|line| line["outcome"] == "answered") && calls.len() == 4, "{calls:#?}");
    let node = Node::start(house.node.into_data()).await;
    assert!(node.log_lines("journal_recovered").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_crash_leaves_no_call_open() {
    let mut upstream = Scripted::start().await;
    let world = World::demo();
    world.must_apply(&upstream.documents("", ""));
    let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
    for method in ["tools/call", "subscriptions/listen"] {
        let ask = Ask::modern(&url, &token, method, json!({"name": "any"}));
        // It ends as the process does, in the middle.
        tokio::spawn(async move { ask.open().await });
    }
    let _open = (upstream.asked().await, upstream.asked().await);
    let world = World::start(world.crash(), &[]);
    let told = || Some(world.log_lines("journal_recovered")).filter(|lines| !lines.is_empty());
    let recovered = until("the recovery is logged", told).await;
    assert_eq!((recovered.len(), &recovered[0]["count"]), (1, &json!(2)), "{recovered:?}");
    let world = World::start(world.crash(), &[]);
    assert!(world.log_lines("journal_recovered").is_empty(), "what was closed is closed");
}

/// The line of an exchange.
async fn line(world: &World, answer: &Answer) -> Value {
    let id = answer.header("partywall-request-id").unwrap();
    until("the exchange is logged", || world.log_lines(id).into_iter().next()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_exchange_leaves_its_line() {
    let mut upstream = Scripted::start().await;
    let world = World::demo();
    world
        .must_apply(&upstream.documents("request_bytes_max = 1024", "").replace("allow = [\"*\"]", "allow = [\"a*\"]"));
    let (url, token) = (world.url("scripted"), world.token("acme", "ann"));
    let shown = world.run(&["tenant", "show", "acme", "--output", "json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let traced = |ask: Ask| ask.header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let call = |tool: &str| Ask::modern(&url, &token, "tools/call", json!({"name": tool}));
    let legacy = Session { url: url.clone(), token: token.clone(), id: "x".to_owned() };
    let unknown = legacy.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "no/such"})).without("mcp-session-id");
    for (ask, method, outcome, refusal) in [
        (call("any"), "tools/call", "answered", Value::Null),
        (call("hidden"), "tools/call", "refused", json!("unknown_tool")),
        (call("any").at(&world.url("nobodys")), "tools/call", "refused", json!("unknown_server")),
        (call("any").without("mcp-name"), "tools/call", "refused", json!("header_mismatch")),
        (call("any").body("{"), "unread", "refused", json!("parse_error")),
        (call("any").body("x".repeat(2000)), "unread", "refused", json!("body_too_large")),
        (unknown, "unknown", "refused", json!("unknown_method")),
        (legacy.call(1, "any", &json!({})), "tools/call", "refused", json!("unknown_session")),
        (Ask::modern(&url, &token, "server/discover", json!({})), "server/discover", "answered", Value::Null),
    ] {
        let ask = traced(ask);
        let reaches = method == "tools/call" && outcome == "answered";
        let (answer, trace) = tokio::join!(ask.send(), async {
            if !reaches {
                return None;
            }
            let asked = upstream.asked().await;
            let trace = asked.header("traceparent").map(str::to_owned);
            asked.done();
            trace
        });
        let line = line(&world, &answer).await;
        let said = |name: &str| line[name].clone();
        assert_eq!(
            (said("event"), said("tenant_id"), said("trace_id")),
            (json!("call"), shown["id"].clone(), json!(TRACE))
        );
        assert_eq!(
            (said("method"), said("outcome"), said("refusal")),
            (json!(method), json!(outcome), refusal),
            "{line}"
        );
        assert_eq!(said("status"), json!(answer.status.as_u16()), "{line}");
        assert_eq!((said("subject"), said("tenant")), (json!("ann"), json!("acme")), "{line}");
        assert!(trace.is_none_or(|trace| trace.starts_with(&format!("00-{TRACE}-"))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn strangers_leave_a_line_of_no_tenant() {
    let world = World::demo();
    let url = world.url("notes");
    let bare = Ask::modern(&url, "", "tools/list", json!({})).without("authorization");
    for (ask, refusal) in [
        (bare.clone(), "no_token"),
        (bare.clone().header("authorization", "Bearer abc"), "opaque_token"),
        (bare.clone().header("authorization", "Bearer a.b.c"), "invalid_token"),
        (bare.clone().header("host", "evil.example"), "foreign_origin"),
        (bare.clone().at(&format!("{}/none?access_token=secret", world.public)), "not_found"),
        (bare.clone().at(&format!("{url}?access_token=secret")), "malformed_authorization"),
        (bare.clone().method(Method::PUT), "method_not_allowed"),
        (Ask::modern(&url, &world.token("nobody", "ned"), "tools/list", json!({})), "unknown_tenant"),
    ] {
        let answer = ask.header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01")).send().await;
        let line = line(&world, &answer).await;
        assert_eq!((&line["event"], &line["tenant_id"]), (&json!("stranger_refused"), &Value::Null), "{line}");
        assert_eq!((&line["refusal"], &line["trace_id"]), (&json!(refusal), &json!(TRACE)), "{line}");
        assert!(!line.to_string().contains("secret"), "{line}");
    }
    for odd in ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", "nonsense", ""] {
        let answer = bare.clone().header("traceparent", odd).send().await;
        let trace = line(&world, &answer).await["trace_id"].as_str().unwrap().to_owned();
        assert!(trace.len() == 32 && !odd.contains(&trace), "{trace}");
    }
}
