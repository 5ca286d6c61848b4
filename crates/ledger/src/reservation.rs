//! A place in the books: taken before a call, settled exactly once after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use partywall_domain::{Outcome, ServerLimits, event};
use partywall_tenancy::TenantContext;

use crate::Ledger;
use crate::call::{Call, Weight};
use crate::hold::Hold;
use crate::journal::Common;
use crate::meter::Meter;
use crate::policy::{Standing, Throttled};
use crate::settlement::{Settlement, Spent};
use crate::spans::Span;
use crate::tally::Parts;
use crate::turns::{Queued, Turn};

/// A call's place. Dropped unsettled, it is booked as abandoned.
#[must_use = "a reservation is settled, or it is booked as abandoned"]
pub struct Reservation(Box<Held>);

/// What a call holds. In one place from its beginning to its end: each step of the call hands the reservation on.
struct Held {
    ledger: Ledger,
    meter: Arc<Meter>,
    hold: Option<Hold>,
    turn: Option<Turn>,
    queued: Queued,
    tenant: TenantContext,
    call: Call,
    /// What both journal lines say, once the first is written.
    common: Option<Common>,
    upstream: Upstream,
    settled: bool,
}

/// What of a call's time is an upstream's.
#[derive(Clone, Copy)]
enum Upstream {
    Not,
    Since(Instant),
    Took(Duration),
}

impl Reservation {
    pub(crate) fn begin(ledger: Ledger, tenant: TenantContext, hold: Hold, call: Call) -> Self {
        let common = Common::of(&tenant, &call);
        ledger.0.journal.append_made(|line| common.began(line));
        let (meter, upstream) = (Arc::clone(hold.meter()), Upstream::Not);
        let (hold, turn, common) = (Some(hold), None, Some(common));
        let queued = Queued::Not;
        Self(Box::new(Held { ledger, meter, hold, turn, queued, tenant, call, common, upstream, settled: false }))
    }

    pub(crate) fn without_place(ledger: Ledger, meter: Arc<Meter>, tenant: TenantContext, call: Call) -> Self {
        let (hold, turn, queued, common, upstream) = (None, None, Queued::Not, None, Upstream::Not);
        Self(Box::new(Held { ledger, meter, hold, turn, queued, tenant, call, common, upstream, settled: false }))
    }

    /// Whose call it is.
    pub fn tenant(&self) -> &TenantContext {
        &self.0.tenant
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.0.call
    }

    /// Waits for the call's turn at its upstream, which it keeps until it settles. What is no call does not wait: a
    /// client's answer to a server must not queue behind the call that waits for it.
    pub async fn wait_for_turn(&mut self, upstream: &Arc<str>, limits: &ServerLimits) -> Result<(), Throttled> {
        if matches!(self.0.call.weight, Weight::Call | Weight::List | Weight::Opening) {
            let turns = &self.0.ledger.0.turns;
            self.0.turn = Some(turns.take(upstream, self.0.tenant.id(), limits, &mut self.0.queued).await?);
        }
        Ok(())
    }

    /// How long the call waited for its turn.
    pub fn queued(&self) -> Duration {
        self.0.queued.so_far()
    }

    /// The call goes to an upstream now: what follows is its time and not ours, until [`Self::came_back`] or the end.
    pub fn goes_upstream(&mut self) {
        self.0.upstream = Upstream::Since(Instant::now());
    }

    /// The upstream is done with the call.
    pub fn came_back(&mut self) {
        if let Upstream::Since(since) = self.0.upstream {
            self.0.upstream = Upstream::Took(since.elapsed());
        }
    }

    /// Settles: the place is free again, and journal and log have the end.
    #[expect(clippy::needless_pass_by_value, reason = "a settlement settles one call and is used up with it")]
    pub fn settle(mut self, settlement: Settlement) {
        self.close(&settlement);
    }

    fn close(&mut self, settlement: &Settlement) {
        self.0.settled = true;
        let ended = Instant::now();
        let duration = ended.saturating_duration_since(self.0.call.since);
        let spent = Spent { duration_us: micros(duration), queued_us: micros(self.queued()) };
        self.count(settlement, spent, ended);
        self.tell(settlement, spent, ended);
        if let Some(turn) = self.0.turn.take() {
            self.0.meter.tally.delayed(turn.end());
        }
        drop(self.0.hold.take());
        let common = self.0.common.take().unwrap_or_else(|| Common::of(&self.0.tenant, &self.0.call));
        self.0.ledger.0.journal.append_made(|line| common.ended(line, settlement, spent));
        self.log(settlement, spent);
    }

    fn upstream_us(&self, ended: Instant) -> Option<u64> {
        match self.0.upstream {
            Upstream::Not => None,
            Upstream::Since(since) => Some(micros(ended.saturating_duration_since(since))),
            Upstream::Took(took) => Some(micros(took)),
        }
    }

    fn tell(&self, settlement: &Settlement, spent: Spent, ended: Instant) {
        let Some(spans) = self.0.ledger.0.spans.get().filter(|_| self.0.call.ids.kept) else { return };
        spans.ended(&Span {
            tenant_id: self.0.tenant.id(),
            tenant: self.0.tenant.name().as_str(),
            revision: self.0.tenant.revision().0,
            call: &self.0.call,
            settlement,
            duration_us: spent.duration_us,
            queue_us: spent.queued_us,
            upstream_us: self.upstream_us(ended),
        });
    }

    fn count(&self, settlement: &Settlement, spent: Spent, ended: Instant) {
        let upstream_us = self.upstream_us(ended);
        let queue_us = spent.queued_us;
        let own_us = spent.duration_us.saturating_sub(queue_us).saturating_sub(upstream_us.unwrap_or(0));
        // How long a stream is open says how long its client stayed.
        let parts = (!self.is_stream()).then_some(Parts { own_us, queue_us, upstream_us });
        self.0.meter.tally.ended(settlement.outcome, self.0.call.bytes_in, settlement.bytes_out, parts);
        let node = &self.0.ledger.0.tally;
        match (settlement.outcome, parts) {
            (Outcome::Refused(code), _) => node.refused(code),
            (Outcome::Answered | Outcome::UpstreamError, Some(parts)) => node.served(parts),
            _ => {}
        }
    }

    fn log(&self, settlement: &Settlement, spent: Spent) {
        let refusal = match settlement.outcome {
            Outcome::Refused(code) => Some(code.as_str()),
            _ => None,
        };
        tracing::info!(
            event = event::CALL,
            tenant_id = %self.0.tenant.id(),
            tenant = self.0.tenant.name().as_str(),
            request_id = %self.0.call.ids.request,
            trace_id = %self.0.call.ids.trace,
            revision = self.0.tenant.revision().0,
            subject = self.0.tenant.principal().subject(),
            server = self.0.call.server,
            method = self.0.call.method,
            name = self.0.call.name.as_deref(),
            era = self.0.call.era,
            outcome = settlement.outcome.as_str(),
            refusal,
            cause = Some(settlement.cause.as_str()).filter(|cause| !cause.is_empty()),
            status = settlement.status,
            bytes_out = settlement.bytes_out,
            duration_us = spent.duration_us,
            queued_us = spent.queued_us,
        );
    }

    /// How the tenant stands with the rate that this counted against.
    pub fn standing(&self) -> Option<Standing> {
        self.0.hold.as_ref().and_then(|hold| hold.standing)
    }

    /// The call opened a session: it counts until [`Ledger::session_ended`] or until it is over.
    pub fn session_opened(&mut self) {
        if let Some(hold) = &mut self.0.hold {
            hold.keep_session();
        }
    }

    /// Whether it stands for a long-lived stream.
    pub fn is_stream(&self) -> bool {
        self.0.call.weight == Weight::Stream
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.0.settled {
            self.close(&Settlement { outcome: Outcome::Abandoned, cause: String::new(), status: 0, bytes_out: 0 });
        }
    }
}
