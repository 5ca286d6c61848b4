//! Authorizing: the tenant has the server, the server's method is served, the name is granted, the scopes are there.
//!
//! What is not granted and what does not exist answer alike: the decision looks at the name alone.

use partywall_domain::RefusalCode;
use partywall_ledger::Reservation;
use partywall_mcp::{Envelope, Era, Message, Method};
use partywall_tenancy::{Grant, TenantContext};

use crate::admit::{Admitted, call};
use crate::booked::Refused;
use crate::refusal::Refusal;
use crate::request::Request;

/// A call that its tenant may make. It stands in the journal: what nobody may do does not begin.
pub(crate) struct Authorized(Reservation);

impl Authorized {
    pub(crate) fn into_reservation(self) -> Reservation {
        self.0
    }
}

pub(crate) fn authorize(admitted: Admitted, request: &Request<'_>) -> Result<Authorized, Refused> {
    let place = admitted.into_place();
    match check(place.tenant(), request) {
        Ok(()) => Ok(Authorized(place.begin(call(request)))),
        Err(refusal) => Err(Refused::unbegun(place, refusal, request.era, || call(request))),
    }
}

fn check(tenant: &TenantContext, request: &Request<'_>) -> Result<(), Refusal> {
    let Some(grant) = tenant.grant(request.server) else {
        return Err(Refusal::new(RefusalCode::UnknownServer, "the tenant has no such server"));
    };
    match &request.envelope {
        Some(envelope) => check_message(tenant, grant, envelope, request.era),
        None => Ok(()),
    }
}

fn check_message(tenant: &TenantContext, grant: &Grant, envelope: &Envelope<'_>, era: Era) -> Result<(), Refusal> {
    let Message::Request { method, .. } = envelope.message else { return Ok(()) };
    match method {
        Method::ToolsCall => check_tool(tenant, grant, envelope),
        Method::PromptsGet => granted(envelope.name(), |name| grant.prompts().grants(name), RefusalCode::UnknownPrompt),
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe if served(method, era) => {
            granted(envelope.uri(), |uri| grant.resources().grants(uri), RefusalCode::UnknownResource)
        }
        Method::Complete => check_reference(grant, envelope),
        Method::Listen if era == Era::Modern => check_listening(grant, envelope),
        method if served(method, era) => Ok(()),
        _ => Err(Refusal::new(RefusalCode::UnknownMethod, "the method is not served in this era")),
    }
}

/// Whether this era has the method.
fn served(method: Method, era: Era) -> bool {
    match method {
        Method::Unknown => false,
        Method::Discover | Method::Listen => era == Era::Modern,
        method => era == Era::Legacy || !method.is_legacy_only(),
    }
}

fn check_tool(tenant: &TenantContext, grant: &Grant, envelope: &Envelope<'_>) -> Result<(), Refusal> {
    granted(envelope.name(), |name| grant.tools().grants(name), RefusalCode::UnknownTool)?;
    let needed = grant.scopes_for(envelope.name().unwrap_or_default());
    if needed.iter().all(|scope| tenant.has_scope(scope)) {
        return Ok(());
    }
    Err(Refusal::scopes(&needed, &tenant.scopes_to_ask_for(&needed)))
}

fn check_reference(grant: &Grant, envelope: &Envelope<'_>) -> Result<(), Refusal> {
    match (envelope.referred_prompt(), envelope.referred_resource()) {
        (Some(prompt), None) => granted(Some(prompt), |name| grant.prompts().grants(name), RefusalCode::UnknownPrompt),
        (None, uri) => granted(uri, |uri| grant.resources().grants(uri), RefusalCode::UnknownResource),
        (Some(_), Some(_)) => {
            Err(Refusal::new(RefusalCode::InvalidParams, "a reference to both a prompt and a resource"))
        }
    }
}

fn check_listening(grant: &Grant, envelope: &Envelope<'_>) -> Result<(), Refusal> {
    envelope
        .listens_to()
        .try_for_each(|uri| granted(Some(uri), |uri| grant.resources().grants(uri), RefusalCode::UnknownResource))
}

fn granted(name: Option<&str>, by: impl Fn(&str) -> bool, unknown: RefusalCode) -> Result<(), Refusal> {
    match name {
        Some(name) if by(name) => Ok(()),
        Some(name) => Err(Refusal::unknown(unknown, name, "not granted to this tenant")),
        None => Err(Refusal::new(RefusalCode::InvalidParams, "the name is missing")),
    }
}
