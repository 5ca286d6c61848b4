//! Routing: which upstream, and which of its sessions. What the gateway knows itself never reaches an upstream.

use std::sync::Arc;

use http::Method as HttpMethod;
use partywall_domain::{RefusalCode, ServerLimits};
use partywall_ledger::Reservation;
use partywall_mcp::{Era, Method, SESSION_ID, result_body};
use partywall_tenancy::Owned;

use crate::Gateway;
use crate::authorize::Authorized;
use crate::booked::Refused;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::said::Known;
use crate::session::Session;

/// A call that knows where it goes.
pub(crate) struct Routed {
    pub(crate) reservation: Reservation,
    pub(crate) destination: Destination,
}

pub(crate) enum Destination {
    /// Answered here, from what the upstream said before.
    Here(String),
    /// On to an upstream.
    Upstream(Target),
}

pub(crate) struct Target {
    pub(crate) url: Arc<str>,
    pub(crate) limits: ServerLimits,
    /// The session that goes on, with the upstream's own id.
    pub(crate) session: Option<Session>,
}

pub(crate) fn route(gateway: &Gateway, authorized: Authorized, request: &Request<'_>) -> Result<Routed, Refused> {
    let reservation = authorized.into_reservation();
    match destination(gateway, &reservation, request) {
        Ok(destination) => Ok(Routed { reservation, destination }),
        Err(refusal) => Err(Refused::settled(reservation, refusal)),
    }
}

fn destination(gateway: &Gateway, reservation: &Reservation, request: &Request<'_>) -> Result<Destination, Refusal> {
    let Some(grant) = reservation.tenant().grant(request.server) else {
        return Err(Refusal::new(RefusalCode::UnknownServer, "the tenant has no such server"));
    };
    let url = Arc::clone(grant.upstream());
    let known = gateway.said.of(&url);
    if let Some(known) = &known {
        check_era(known, request)?;
        if let (Some(Method::Discover), Some(result), Some(id)) = (request.method(), &known.discover, request.id()) {
            return Ok(Destination::Here(result_body(id, result)));
        }
    }
    let session = session(gateway, reservation, request, &url)?;
    Ok(Destination::Upstream(Target { url, limits: grant.server().limits, session }))
}

/// Only the eras that the upstream has.
fn check_era(known: &Known, request: &Request<'_>) -> Result<(), Refusal> {
    match (request.era, &known.discover) {
        // What a server without the modern era says: any code that is not one of the modern ones lets a client that
        // speaks both go on with `initialize`.
        (Era::Modern, None) => {
            Err(Refusal::new(RefusalCode::NotInitialized, "the upstream speaks legacy versions only"))
        }
        (Era::Legacy, _) if known.legacy => Ok(()),
        (Era::Legacy, _) if request.exchange.method() != HttpMethod::POST => Err(Refusal::method_not_allowed("POST")),
        (Era::Legacy, _) => Err(Refusal::versions("legacy", known.versions())),
        (Era::Modern, Some(_)) => Ok(()),
    }
}

fn session(
    gateway: &Gateway,
    reservation: &Reservation,
    request: &Request<'_>,
    url: &str,
) -> Result<Option<Session>, Refusal> {
    // Modern messages have no session; a stray header is ignored (2026-07-28, transports).
    if request.era == Era::Modern || !request.exchange.headers().contains_key(SESSION_ID) {
        return Ok(None);
    }
    let text = request.exchange.header(SESSION_ID).unwrap_or_default();
    Owned::<Session>::claimed(text)
        .open(reservation.tenant(), &gateway.seal)
        .filter(|session| session.fits(request.server, url))
        .map(Some)
        .ok_or_else(|| {
            Refusal::new(RefusalCode::UnknownSession, "the session id is not this principal's, not ours or over")
        })
}
