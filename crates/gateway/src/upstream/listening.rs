//! A call of an instance that listens on a socket of its own: the instance is had first, then it is an upstream like any
//! other, whose connections and sessions end with it.

use http::Response;
use partywall_domain::{InstancePer, RefusalCode};
use partywall_ledger::Reservation;

use super::instance::{launch, not_had};
use super::{here, outbound, reply, send};
use crate::Gateway;
use crate::booked::Refused;
use crate::instances::{Held, Spoken};
use crate::refusal::Refusal;
use crate::reply::ReplyBody;
use crate::request::Request;
use crate::route::{Target, answered_here, has_session, session, unknown_session};
use crate::seat::Seat;

pub(crate) async fn call(
    gateway: &Gateway,
    mut reservation: Reservation,
    request: &Request<'_>,
    seat: Seat,
) -> Result<Response<ReplyBody>, Refused> {
    // An instance that all tenants use is contended like a shared server; a tenant's own is the tenant's own.
    if seat.per == InstancePer::All {
        let place = format!("instance:{}", request.server).into();
        if let Err(throttled) = reservation.wait_for_turn(&place, &seat.limits).await {
            return Err(Refused::settled(reservation, Refusal::busy(throttled)));
        }
    }
    let (held, target) = match had(gateway, &reservation, request, &seat).await {
        Ok((_, Going::Here(body))) => return Ok(here(reservation, request, body)),
        Ok((held, Going::On(target))) => (held, target),
        Err(refusal) => return Err(Refused::settled(reservation, refusal)),
    };
    let outbound = match outbound(gateway, &reservation, request, &target) {
        Ok(outbound) => outbound,
        Err(refusal) => return Err(Refused::settled(reservation, refusal)),
    };
    reservation.goes_upstream();
    let (reservation, answer) = send(gateway, reservation, request, outbound, &target, Some(Box::new(held))).await?;
    reply(gateway, reservation, request, &target, answer).await
}

/// Where the call goes from here.
enum Going {
    Here(String),
    On(Target),
}

async fn had(
    gateway: &Gateway,
    reservation: &Reservation,
    request: &Request<'_>,
    seat: &Seat,
) -> Result<(Held, Going), Refusal> {
    let down = |cause: &str| Refusal::new(RefusalCode::InstanceDown, cause);
    let instances = gateway.instances.as_ref().ok_or_else(|| down("this node starts no instances"))?;
    // The session was the instance's own: another has never heard of it, so none is started for it.
    if has_session(request) && instances.current(&seat.key).is_none() {
        return Err(unknown_session());
    }
    let tenant = reservation.tenant();
    let launch = || launch(tenant, request.server, &gateway.secrets);
    let held = instances.lease(&seat.key, tenant.revision(), launch).await.map_err(|why| not_had(&why))?;
    let Spoken::Http(server) = held.connection() else {
        return Err(down("the instance is of an earlier configuration; try again"));
    };
    if let Some(body) = answered_here(&server.known, request)? {
        return Ok((held, Going::Here(body)));
    }
    let url = server.url.clone();
    let session = session(gateway, reservation, request, &url)?;
    Ok((held, Going::On(Target { url, limits: seat.limits, session })))
}
