//! Traces, taken by a collector of OTLP over HTTP that decodes what it is sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode as Fate};
use partywall_testkit::token::Issuer;
use prost::Message as _;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::http::Ask;
use crate::node::{Node, issuer_document};
use crate::scripted::{Scripted, soon, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector, and what it took.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts one; gives it and its URL.
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (collector, url)
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let attributes = resource.resource.unwrap().attributes;
        assert!(attributes.iter().any(|attribute| attribute.key == "service.name"), "{attributes:?}");
        collector.0.lock().unwrap().extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    StatusCode::OK
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// An attribute as text.
fn attribute(span: &Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match value {
        Any::StringValue(text) => text,
        Any::IntValue(number) => number.to_string(),
        other => panic!("{key}: {other:?}"),
    })
}

/// A node that tells a collector, and an upstream that is told what to answer.
struct House {
    node: Node,
    upstream: Scripted,
    issuer: Issuer,
}

impl House {
    async fn build(settings: &str) -> Self {
        let upstream = Scripted::start().await;
        let issuer = Issuer::new("https://login.example.com");
        let node = Node::start_with(TempDir::new().unwrap(), settings).await;
        let documents = upstream.documents("", "").replace("development", "corporate");
        let documents = documents.replace("tools = { allow = [\"*\"] }", "tools = { allow = [\"a*\"] }");
        node.must_apply(&format!("[plan.standard]\n{}\n{documents}", issuer_document(&issuer)));
        Self { node, upstream, issuer }
    }

    fn call(&self, tenant: &str, tool: &str) -> Ask {
        let token = self.node.token(&self.issuer, tenant, "ann");
        Ask::modern(&self.node.url("scripted"), &token, "tools/call", json!({"name": tool}))
    }

    /// Sends a call that reaches the upstream; gives the `traceparent` and `tracestate` that it was sent.
    async fn pass(&mut self, ask: Ask) -> (String, Option<String>) {
        let (answer, sent) = tokio::join!(ask.send(), async {
            let asked = self.upstream.asked().await;
            let header = |name| asked.header(name).map(str::to_owned);
            let sent = (header("traceparent").unwrap(), header("tracestate"));
            asked.done();
            sent
        });
        assert_eq!(answer.status, 200, "{answer:?}");
        sent
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_is_a_span_of_its_callers_trace_and_the_parent_of_the_upstreams() {
    let (collector, url) = Collector::start().await;
    let mut house = House::build(&format!("otlp_endpoint = \"{url}\"\notlp_sample_percent = 100\n")).await;
    let traced = |ask: Ask| ask.header("traceparent", &format!("00-{TRACE}-{PARENT}-00")).header("tracestate", "a=b");
    let (parent, state) = house.pass(traced(house.call("acme", "any"))).await;
    assert_eq!(traced(house.call("acme", "hidden")).send().await.status, 200);
    assert_eq!(state.as_deref(), Some("a=b"));

    let two = until("both spans arrive", || Some(collector.spans()).filter(|spans| spans.len() == 2)).await;
    let (passed, refused) = (&two[0], &two[1]);
    assert_eq!((passed.name.as_str(), passed.kind), ("tools/call any", SpanKind::Server as i32));
    assert_eq!((hex(&passed.trace_id).as_str(), hex(&passed.parent_span_id).as_str()), (TRACE, PARENT));
    // The client said that it records nothing, and that goes on; what this node keeps is its own affair.
    assert_eq!(parent, format!("00-{TRACE}-{}-00", hex(&passed.span_id)));
    assert!(passed.end_time_unix_nano >= passed.start_time_unix_nano && passed.start_time_unix_nano > 0);
    for (key, value) in [
        ("tenant", "acme"),
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "any"),
        ("gen_ai.operation.name", "execute_tool"),
        ("http.response.status_code", "200"),
        ("partywall.server", "scripted"),
        ("partywall.outcome", "answered"),
    ] {
        assert_eq!(attribute(passed, key).as_deref(), Some(value), "{key}");
    }
    assert!(attribute(passed, "partywall.upstream_us").is_some() && attribute(passed, "error.type").is_none());
    assert!(attribute(passed, "mcp.session.id").is_none());
    // A name that is not granted is anybody's word and names no span.
    assert_eq!(refused.name, "tools/call");
    assert_eq!(attribute(refused, "error.type").as_deref(), Some("unknown_tool"));
    assert_eq!(attribute(refused, "rpc.response.status_code").as_deref(), Some("-32602"));
    assert_eq!(refused.status.as_ref().map_or(0, |status| status.code), Fate::Unset as i32, "not this side's fault");
    assert!(two.iter().all(|span| attribute(span, "tenant_id").is_some_and(|id| id.len() == 36)));
}

/// What a `traceparent` cannot do: be half of one, choose what is kept, or say whose call it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_traceparent_decides_nothing() {
    let (collector, url) = Collector::start().await;
    let mut house = House::build(&format!("otlp_endpoint = \"{url}\"\notlp_sample_percent = 100\n")).await;
    for bad in ["", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let ask = house.call("acme", "any").header("traceparent", bad).header("tracestate", "a=b");
        let (parent, state) = house.pass(ask).await;
        assert!(parent.starts_with("00-") && parent.len() == 55 && !parent.contains(TRACE), "{parent}");
        assert_eq!(state, None, "a state without its trace means nothing");
    }
    let good = format!("00-{TRACE}-{PARENT}-01");
    let twice = house.call("acme", "any").header("traceparent", &good).header("traceparent", &good);
    assert!(!house.pass(twice).await.0.contains(TRACE), "of two none counts");
    // Two tenants in one trace: possible for who knows its id, and each span says whose it is.
    house.pass(house.call("acme", "any").header("traceparent", &good)).await;
    house.pass(house.call("globex", "any").header("traceparent", &good)).await;
    let spans = until("all spans arrive", || Some(collector.spans()).filter(|spans| spans.len() == 6)).await;
    let of_trace: Vec<_> = spans.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    let tenants: Vec<_> = of_trace.iter().filter_map(|span| attribute(span, "tenant")).collect();
    assert_eq!(tenants, ["acme", "globex"]);
    assert_ne!(attribute(of_trace[0], "tenant_id"), attribute(of_trace[1], "tenant_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn spans_that_cannot_be_sent_are_counted_and_hold_nothing_up() {
    let nobody = crate::process::free_address();
    let settings = format!("otlp_endpoint = \"http://{nobody}\"\notlp_sample_percent = 100\n");
    let mut house = House::build(&settings).await;
    house.pass(house.call("acme", "any")).await;
    let token = super::operator_token(house.node.data());
    let page = Ask::new(http::Method::GET, &format!("{}/metrics", house.node.admin()));
    let page = page.header("authorization", &format!("Bearer {token}"));
    soon("the loss is shown", async {
        loop {
            let answer = page.send().await;
            if String::from_utf8_lossy(&answer.body).contains("partywall_spans_dropped_total 1\n") {
                return;
            }
        }
    })
    .await;
    let told = until("the loss is told", || house.node.log_lines("\"span\"").into_iter().next()).await;
    assert_eq!((&told["event"], &told["count"]), (&json!("dropped"), &json!(1)));
}
