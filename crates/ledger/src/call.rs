//! What is being called, in plain words.

use std::time::Instant;

use partywall_domain::{RequestId, SpanId, TraceId};

/// The ids of one HTTP exchange.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// Ours, shown to the client and findable in the journal.
    pub request: RequestId,
    /// The trace that the client began, or one of our own.
    pub trace: TraceId,
    /// The span of the client's that it belongs to, if the client said so.
    pub parent: Option<SpanId>,
    /// Whether whoever comes behind us in the trace is told that it is recorded.
    pub sampled: bool,
    /// Whether its span is kept here.
    pub kept: bool,
}

/// What a call weighs against a tenant's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing: finding out what a server is.
    Free,
    /// One handshake: counts against the rate of handshakes.
    Handshake,
    /// The opening of a session: a handshake, and counts against the sessions.
    Opening,
    /// One list: counts against the rate of lists and the calls in flight.
    List,
    /// One message without an answer: counts against the rate.
    Message,
    /// One call: counts against the rate and the calls in flight.
    Call,
    /// One stream: counts against the rate and the open streams.
    Stream,
}

/// A call as the books see it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its ids.
    pub ids: Ids,
    /// When it came in.
    pub since: Instant,
    /// What it weighs.
    pub weight: Weight,
    /// The server in the URL. A claim of the caller until the call is authorized.
    pub server: String,
    /// The JSON-RPC method, or the HTTP method where there is no message.
    pub method: &'static str,
    /// The tool, prompt or resource, if the method has one. As the caller wrote it, cut to a sane length.
    pub name: Option<String>,
    /// The era.
    pub era: &'static str,
    /// Bytes of the request's body.
    pub bytes_in: u64,
}
