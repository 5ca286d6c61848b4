//! Routing: which upstream, and which of its sessions. What the gateway knows itself never reaches an upstream.

use std::sync::Arc;

use http::Method as HttpMethod;
use partywall_domain::{RefusalCode, ServerLimits, Transport};
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
    /// To an instance on stdio that this node starts.
    Instance(Box<Seat>),
    /// To an instance that listens on a socket of its own.
    Listening(Box<Seat>),
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
        let transport = grant.server().command.as_ref().map(|command| command.transport);
        return instance(gateway, reservation.tenant(), transport, request);
    };
    let known = gateway.said.of(&url);
    if let Some(body) = known.and_then(|known| answered_here(&known, request).transpose()).transpose()? {
        return Ok(Destination::Here(body));
    }
    let session = session(gateway, reservation, request, &url)?;
    Ok(Destination::Upstream(Target { url, limits: grant.server().limits, session }))
}

/// Of a server with instances: which one, and how it is spoken to.
fn instance(
    gateway: &Gateway,
    tenant: &TenantContext,
    transport: Option<Transport>,
    request: &Request<'_>,
) -> Result<Destination, Refusal> {
    if transport == Some(Transport::Unix) {
        return seated(tenant, request, None).map(|seat| Destination::Listening(Box::new(seat)));
    }
    let visitor = visitor(gateway, tenant, request)?;
    seated(tenant, request, visitor).map(|seat| Destination::Instance(Box::new(seat)))
}

/// What is known of an upstream that serves over HTTP, and answers this request as well as the upstream would.
pub(crate) fn answered_here(known: &Known, request: &Request<'_>) -> Result<Option<String>, Refusal> {
    check_era(known, request)?;
    Ok(match (request.method(), &known.discover, request.id()) {
        (Some(Method::Discover), Some(result), Some(id)) => Some(result_body(id, result)),
        _ => None,
    })
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

/// The legacy session that goes on at the upstream of this URL.
pub(crate) fn session(
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

/// A legacy client at an instance on stdio. There the gateway opens the sessions, so it has to begin with one.
fn visitor(gateway: &Gateway, tenant: &TenantContext, request: &Request<'_>) -> Result<Option<Visitor>, Refusal> {
    match (request.era, request.method()) {
        (Era::Modern, _) => Ok(None),
        (Era::Legacy, Some(Method::Initialize)) => Visitor::begins(request.params()).map(Some).ok_or_else(|| {
            Refusal::new(RefusalCode::InvalidParams, "the client says more of itself than a session has room for")
        }),
        (Era::Legacy, _) if has_session(request) => {
            let session = claimed(gateway, tenant, request);
            let visitor = session.and_then(|session| Visitor::goes_on(&session, request.server));
            let visitor = visitor.filter(|visitor| !gateway.ended.has(visitor.id()));
            visitor.map(Some).ok_or_else(unknown_session)
        }
        (Era::Legacy, _) => Err(Refusal::new(RefusalCode::NotInitialized, "a legacy message without a session")),
    }
}

fn seated(tenant: &TenantContext, request: &Request<'_>, visitor: Option<Visitor>) -> Result<Seat, Refusal> {
    Seat::of(tenant, request.server, visitor)
        .ok_or_else(|| Refusal::new(RefusalCode::UnknownServer, "the tenant has no such server"))
}

/// Modern messages have no session; a stray header is ignored (2026-07-28, transports).
pub(crate) fn has_session(request: &Request<'_>) -> bool {
    request.era == Era::Legacy && request.exchange.headers().contains_key(SESSION_ID)
}

fn claimed(gateway: &Gateway, tenant: &TenantContext, request: &Request<'_>) -> Option<Session> {
    let text = request.exchange.header(SESSION_ID).unwrap_or_default();
    Owned::<Session>::claimed(text).open(tenant, &gateway.seal)
}

pub(crate) fn unknown_session() -> Refusal {
    Refusal::new(RefusalCode::UnknownSession, "the session id is not this principal's, not ours or over")
}
