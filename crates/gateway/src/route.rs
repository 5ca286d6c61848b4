//! Routing: which upstream, and which of its sessions. What the gateway knows itself never reaches an upstream.

use std::sync::Arc;

use http::Method as HttpMethod;
use partywall_domain::{RefusalCode, ServerLimits};
use partywall_ledger::Reservation;
use partywall_mcp::{Era, Method, SESSION_ID, result_body};
use partywall_tenancy::{Owned, TenantContext};

use crate::Gateway;
use crate::authorize::Authorized;
use crate::booked::Refused;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::said::Known;
use crate::seat::Seat;
use crate::session::Session;
use crate::visitor::Visitor;

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
    /// To an instance that this node starts.
    Instance(Box<Seat>),
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
    let Some(url) = grant.upstream().cloned() else {
        return seat(gateway, reservation.tenant(), request).map(|seat| Destination::Instance(Box::new(seat)));
    };
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
    if !has_session(request) {
        return Ok(None);
    }
    let session = claimed(gateway, reservation.tenant(), request);
    session.filter(|session| session.fits(request.server, url)).map(Some).ok_or_else(unknown_session)
}

/// The caller's seat at its instance. There the gateway opens the sessions, so a legacy client has to begin with one.
fn seat(gateway: &Gateway, tenant: &TenantContext, request: &Request<'_>) -> Result<Seat, Refusal> {
    let visitor = match (request.era, request.method()) {
        (Era::Modern, _) => None,
        (Era::Legacy, Some(Method::Initialize)) => Some(Visitor::begins(request.params()).ok_or_else(|| {
            Refusal::new(RefusalCode::InvalidParams, "the client says more of itself than a session has room for")
        })?),
        (Era::Legacy, _) if has_session(request) => {
            let session = claimed(gateway, tenant, request);
            let visitor = session.and_then(|session| Visitor::goes_on(&session, request.server));
            let visitor = visitor.filter(|visitor| !gateway.ended.has(visitor.id()));
            Some(visitor.ok_or_else(unknown_session)?)
        }
        (Era::Legacy, _) => {
            return Err(Refusal::new(RefusalCode::NotInitialized, "a legacy message without a session"));
        }
    };
    Seat::of(tenant, request.server, visitor)
        .ok_or_else(|| Refusal::new(RefusalCode::UnknownServer, "the tenant has no such server"))
}

/// Modern messages have no session; a stray header is ignored (2026-07-28, transports).
fn has_session(request: &Request<'_>) -> bool {
    request.era == Era::Legacy && request.exchange.headers().contains_key(SESSION_ID)
}

fn claimed(gateway: &Gateway, tenant: &TenantContext, request: &Request<'_>) -> Option<Session> {
    let text = request.exchange.header(SESSION_ID).unwrap_or_default();
    Owned::<Session>::claimed(text).open(tenant, &gateway.seal)
}

fn unknown_session() -> Refusal {
    Refusal::new(RefusalCode::UnknownSession, "the session id is not this principal's, not ours or over")
}
