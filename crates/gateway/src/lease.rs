//! How long a stream may go on: until its tenant is suspended or its identity is somebody else's, and where it is a
//! long-lived one also until its token ends. A call that was let in is answered to its end.
//!
//! A context lives for one message; a stream outlives that, so it enters again whenever the configuration moves.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use partywall_domain::{Revision, TenantId};
use partywall_identity::Principal;
use partywall_ledger::Reservation;
use partywall_tenancy::Snapshot;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often a stream looks. Default 500 ms: what is taken away is gone within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) struct Lease {
    snapshot: Arc<ArcSwap<Snapshot>>,
    principal: Principal,
    tenant: TenantId,
    server: String,
    revision: Revision,
    long_lived: bool,
    tick: Interval,
}

impl Lease {
    /// For the answer of this call.
    pub(crate) fn new(snapshot: Arc<ArcSwap<Snapshot>>, reservation: &Reservation) -> Self {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let tenant = reservation.tenant();
        Self {
            snapshot,
            principal: tenant.principal().clone(),
            tenant: tenant.id(),
            server: reservation.call().server.clone(),
            revision: tenant.revision(),
            long_lived: reservation.is_stream(),
            tick,
        }
    }

    /// Ready with the reason once the stream must end.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<&'static str> {
        while Pin::new(&mut self.tick).poll_tick(cx).is_ready() {
            if let Some(why) = self.over() {
                return Poll::Ready(why);
            }
        }
        Poll::Pending
    }

    fn over(&mut self) -> Option<&'static str> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.long_lived && now >= self.principal.expires() {
            return Some("the token has ended");
        }
        let snapshot = self.snapshot.load();
        if snapshot.revision() == self.revision {
            return None;
        }
        self.revision = snapshot.revision();
        // A key that is trusted no more may have been a thief's, who chose the end of the token.
        let issuer = snapshot.issuer_named(self.principal.issuer());
        if issuer.is_none_or(|issuer| issuer.epoch() != self.principal.epoch()) {
            return Some("the issuer's document is another now");
        }
        match snapshot.enter(self.principal.clone()) {
            Ok(tenant) if tenant.id() != self.tenant => Some("the identity is another tenant's now"),
            Ok(tenant) if tenant.grant(&self.server).is_none() => Some("the server is not granted any more"),
            Ok(_) => None,
            Err(_) => Some("the principal does not enter any more"),
        }
    }
}
