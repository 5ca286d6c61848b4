//! The life of a call, as one function whose types spell the order.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::Incoming;
use partywall_domain::ServerLimits;
use partywall_ledger::Room;
use partywall_tenancy::TenantContext;
use tracing::Instrument;

use crate::Gateway;
use crate::admit::admit;
use crate::authorize::authorize;
use crate::booked::Refused;
use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::refusal::Refusal;
use crate::reply::ReplyBody;
use crate::request::{Request, announced, id_of, read};
use crate::route::route;
use crate::upstream;

impl Gateway {
    /// One call of a server, from its token to the answer's head; the reservation goes on in the answer's body.
    pub(crate) async fn call(
        &self,
        exchange: &Exchange,
        endpoint: &Endpoint,
        body: &mut Incoming,
    ) -> Response<ReplyBody> {
        let tenant = match self.enter(exchange, endpoint).await {
            Ok(tenant) => tenant,
            Err(refusal) => {
                let id = if refusal.knows_caller() { id_of(exchange, body).await } else { None };
                return self.turn_away(exchange, refusal, id.as_deref());
            }
        };
        // Every line that is written while this call is served says whose it is.
        let span = tracing::info_span!(
            "call", tenant_id = %tenant.id(), request_id = %exchange.ids.request, trace_id = %exchange.ids.trace
        );
        // Pinned here, since it is long and would be copied into the span's future and again to be waited for.
        let (response, pause) = pin!(self.serve(exchange, &endpoint.server, body, tenant)).instrument(span).await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        response
    }

    /// The answer, and how long it waits.
    async fn serve(
        &self,
        exchange: &Exchange,
        server: &str,
        body: &mut Incoming,
        tenant: TenantContext,
    ) -> (Response<ReplyBody>, Duration) {
        let refuse = |refused: Refused, about| {
            let (path, pause) = (exchange.parts.uri.path(), refused.pause());
            (refused.into_refusal().into_response(&self.public_url, exchange.ids.request, path, about), pause)
        };
        let unread = |refusal: Refusal| refuse(Refused::unread(&self.ledger, &tenant, exchange, server, refusal), None);
        let limits = tenant.grant(server).map_or_else(ServerLimits::default, |grant| grant.server().limits);
        // Kept until the answer begins, so that what a tenant's bodies take in all is bounded.
        let (body, _room) = match self.read(exchange, &tenant, limits, body).await {
            Ok(read) => read,
            Err(refusal) => return unread(refusal),
        };
        let request = match Request::parse(exchange, server, &body) {
            Ok(request) => request,
            Err(refusal) => return unread(refusal),
        };
        match self.steps(&request, &tenant).await {
            Ok(response) => (response, Duration::ZERO),
            Err(refused) => refuse(refused, Some((request.id(), request.era))),
        }
    }

    async fn read(
        &self,
        exchange: &Exchange,
        tenant: &TenantContext,
        limits: ServerLimits,
        body: &mut Incoming,
    ) -> Result<(Bytes, Room), Refusal> {
        let bytes = announced(body, limits);
        let room = self.ledger.hold_body(tenant, bytes).map_err(Refusal::throttled)?;
        read(exchange, limits, body).await.map(|body| (body, room))
    }

    async fn steps(&self, request: &Request<'_>, tenant: &TenantContext) -> Result<Response<ReplyBody>, Refused> {
        let admitted = admit(&self.ledger, tenant, request)?;
        let authorized = authorize(admitted, request)?;
        let routed = route(self, authorized, request)?;
        upstream::call(self, routed, request).await
    }
}
