//! Admitting: headers and body agree, no other tenant is named, and the tenant's limits have a place for the call.

use partywall_domain::RefusalCode;
use partywall_ledger::{Call, Claim, Ledger, Place, Weight};
use partywall_mcp::{Class, Conflict, Envelope, Era, MODERN_VERSIONS, Message, Method, PROTOCOL_VERSION, check_modern};
use partywall_tenancy::TenantContext;

use crate::booked::Refused;
use crate::exchange::shown;
use crate::named;
use crate::refusal::Refusal;
use crate::request::Request;

/// A call that has a place. Owns the tenant context, within the place.
pub(crate) struct Admitted(Place);

impl Admitted {
    pub(crate) fn into_place(self) -> Place {
        self.0
    }
}

/// Checks the message's form, then takes a place. What is refused is put into words only where it is written down.
pub(crate) fn admit(ledger: &Ledger, tenant: &TenantContext, request: &Request<'_>) -> Result<Admitted, Refused> {
    if let Err(refusal) = check(request).and_then(|()| named::check(tenant, request)) {
        return Err(Refused::denied(ledger, tenant, refusal, || call(request)));
    }
    let tool = request.envelope.as_ref().filter(|_| request.method() == Some(Method::ToolsCall));
    let claim =
        Claim { weight: weight(request), server: request.server, tool: tool.and_then(|envelope| envelope.name()) };
    match ledger.take(tenant, &claim) {
        Ok(place) => Ok(Admitted(place)),
        Err(throttled) => Err(Refused::throttled(ledger, tenant, throttled, || call(request))),
    }
}

/// The request as the books see it.
pub(crate) fn call(request: &Request<'_>) -> Call {
    Call {
        ids: request.exchange.ids,
        since: request.exchange.since,
        weight: weight(request),
        server: request.server.to_owned(),
        method: request.word(),
        name: request.envelope.as_ref().and_then(Envelope::name).map(|name| shown(name).to_owned()),
        era: request.era.as_str(),
        bytes_in: request.body.len() as u64,
    }
}

fn weight(request: &Request<'_>) -> Weight {
    match request.envelope.as_ref().map(|envelope| &envelope.message) {
        Some(Message::Request { method, .. }) => match method.class() {
            Class::Free => Weight::Free,
            Class::Opening => Weight::Opening,
            Class::Handshake => Weight::Handshake,
            Class::List => Weight::List,
            Class::Call => Weight::Call,
            Class::Stream => Weight::Stream,
            Class::Message => Weight::Message,
        },
        Some(_) => Weight::Message,
        None if request.exchange.method() == http::Method::GET => Weight::Stream,
        // The end of a session.
        None => Weight::Handshake,
    }
}

fn check(request: &Request<'_>) -> Result<(), Refusal> {
    // The version says by which rules a message is read, so no two readers may disagree on which of two it is.
    if request.exchange.headers().get_all(PROTOCOL_VERSION).iter().nth(1).is_some() {
        return Err(Refusal::new(RefusalCode::HeaderMismatch, format!("header `{PROTOCOL_VERSION}` is doubled")));
    }
    if request.envelope.is_none() && request.era == Era::Modern {
        return Err(Refusal::method_not_allowed("POST"));
    }
    check_accept(request)?;
    match &request.envelope {
        Some(envelope) if request.era == Era::Modern => check_headers(request, envelope),
        _ => Ok(()),
    }
}

/// A client of Streamable HTTP accepts both forms of an answer; one that does not would be given what it cannot read.
fn check_accept(request: &Request<'_>) -> Result<(), Refusal> {
    // A list may stand on several lines (RFC 9110, section 5.3).
    let takes = |kind: &str| {
        let mut lines = request.exchange.headers().get_all(http::header::ACCEPT).iter();
        lines.any(|line| has(line, kind) || has(line, "*/*"))
    };
    let fits = match (&request.envelope, request.exchange.method() == http::Method::GET) {
        (Some(_), _) => takes("application/json") && takes("text/event-stream"),
        (None, true) => takes("text/event-stream"),
        (None, false) => true,
    };
    if fits { Ok(()) } else { Err(Refusal::new(RefusalCode::NotAcceptable, "the Accept header lacks a type")) }
}

/// Whether a line has this word, in any case. Most clients write it as we do.
fn has(line: &http::HeaderValue, word: &str) -> bool {
    line.to_str().is_ok_and(|line| line.contains(word))
        || line.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

fn check_headers(request: &Request<'_>, envelope: &Envelope<'_>) -> Result<(), Refusal> {
    check_modern(request.exchange.headers(), envelope).map_err(|conflict| match conflict {
        Conflict::Header(name) => Refusal::new(
            RefusalCode::HeaderMismatch,
            format!("header `{name}` is missing, doubled or disagrees with the body"),
        ),
        Conflict::Version(version) => Refusal::versions(&version, MODERN_VERSIONS.map(str::to_owned).to_vec()),
        Conflict::Meta(member) => Refusal::new(RefusalCode::InvalidParams, format!("`_meta` lacks `{member}`")),
    })
}
