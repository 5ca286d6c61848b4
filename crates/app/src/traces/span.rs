//! A call as a span, in the words of OpenTelemetry's conventions for MCP and for HTTP.
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/>

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use partywall_domain::{Outcome, RefusalCode};
use partywall_ledger::Span;

/// What all spans of this process have in common.
pub(super) fn resource() -> [KeyValue; 2] {
    [KeyValue::new("service.name", "partywall"), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))]
}

pub(super) fn data(span: &Span<'_>) -> SpanData {
    let ids = span.call.ids;
    let end_time = SystemTime::now();
    let start_time = end_time.checked_sub(Duration::from_micros(span.duration_us)).unwrap_or(end_time);
    let own = SpanId::from_bytes(ids.request.span().to_bytes());
    let trace = TraceId::from_bytes(ids.trace.to_bytes());
    SpanData {
        span_context: SpanContext::new(trace, own, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: ids.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_bytes())),
        parent_span_is_remote: ids.parent.is_some(),
        span_kind: SpanKind::Server,
        name: name(span),
        start_time,
        end_time,
        attributes: attributes(span),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: status(span),
        instrumentation_scope: InstrumentationScope::builder("partywall").build(),
    }
}

/// `tools/call NAME`. A name that is not granted is a caller's word, and there is no end of those: it stays an attribute.
fn name(span: &Span<'_>) -> Cow<'static, str> {
    let method = span.call.method;
    let target = span.call.name.as_deref().filter(|_| matches!(method, "tools/call" | "prompts/get"));
    match (target, span.settlement.outcome) {
        (Some(name), Outcome::Answered | Outcome::UpstreamError | Outcome::Abandoned) => {
            Cow::Owned(format!("{method} {name}"))
        }
        _ => Cow::Borrowed(method),
    }
}

fn attributes(span: &Span<'_>) -> Vec<KeyValue> {
    let (call, settlement) = (span.call, span.settlement);
    let count = |number: u64| Value::I64(i64::try_from(number).unwrap_or(i64::MAX));
    let mut attributes = vec![
        KeyValue::new("tenant_id", span.tenant_id.to_string()),
        KeyValue::new("tenant", span.tenant.to_owned()),
        KeyValue::new("mcp.method.name", call.method),
        KeyValue::new("network.protocol.name", "http"),
        KeyValue::new("network.transport", "tcp"),
        KeyValue::new("http.response.status_code", i64::from(settlement.status)),
        KeyValue::new("partywall.request_id", call.ids.request.to_string()),
        KeyValue::new("partywall.server", call.server.clone()),
        KeyValue::new("partywall.era", call.era),
        KeyValue::new("partywall.outcome", settlement.outcome.as_str()),
        KeyValue::new("partywall.revision", count(span.revision)),
    ];
    if let Some(name) = &call.name {
        let key = match call.method {
            "tools/call" => "gen_ai.tool.name",
            "prompts/get" => "gen_ai.prompt.name",
            _ => "mcp.resource.uri",
        };
        attributes.push(KeyValue::new(key, name.clone()));
    }
    if call.method == "tools/call" {
        attributes.push(KeyValue::new("gen_ai.operation.name", "execute_tool"));
    }
    if span.queue_us > 0 {
        attributes.push(KeyValue::new("partywall.queue_us", count(span.queue_us)));
    }
    if let Some(us) = span.upstream_us {
        attributes.push(KeyValue::new("partywall.upstream_us", count(us)));
    }
    match settlement.outcome {
        Outcome::Refused(code) => {
            attributes.push(KeyValue::new("error.type", code.as_str()));
            attributes.push(KeyValue::new("rpc.response.status_code", code.jsonrpc().to_string()));
        }
        Outcome::UpstreamError => attributes.push(KeyValue::new("error.type", "upstream_error")),
        Outcome::Answered | Outcome::Abandoned => {}
    }
    attributes
}

/// A server's span is in error where the fault is on this side; what a client did wrong is not one (conventions for HTTP).
fn status(span: &Span<'_>) -> Status {
    let faulty = |code: RefusalCode| code.status() >= 500;
    match span.settlement.outcome {
        Outcome::Refused(code) if faulty(code) => Status::error(code.sentence()),
        Outcome::UpstreamError => Status::error("the server behind the gateway failed"),
        _ => Status::Unset,
    }
}
