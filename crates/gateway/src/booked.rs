//! A refusal that stands in the books. Only booking makes one, so none is forgotten.

use std::time::Duration;

use partywall_ledger::{Call, Ledger, Place, Reservation, Settlement, Throttled, Weight};
use partywall_mcp::Era;
use partywall_tenancy::TenantContext;

use crate::exchange::Exchange;
use crate::refusal::Refusal;

pub(crate) struct Refused {
    refusal: Refusal,
    pause: Duration,
}

impl Refused {
    /// Settles a call's place as refused.
    pub(crate) fn settled(reservation: Reservation, refusal: Refusal) -> Self {
        let era = if reservation.call().era == Era::Legacy.as_str() { Era::Legacy } else { Era::Modern };
        reservation.settle(settlement(&refusal, era));
        Self { refusal, pause: Duration::ZERO }
    }

    /// Books the refusal of a call that got no place.
    pub(crate) fn denied(
        ledger: &Ledger,
        tenant: &TenantContext,
        refusal: Refusal,
        call: impl FnOnce() -> Call,
    ) -> Self {
        let pause = ledger.deny(tenant, refusal.code, || settlement(&refusal, Era::Modern), call);
        Self { refusal, pause }
    }

    /// Books the refusal of a call that has a place and did not begin.
    pub(crate) fn unbegun(place: Place, refusal: Refusal, era: Era, call: impl FnOnce() -> Call) -> Self {
        let pause = place.deny(refusal.code, || settlement(&refusal, era), call);
        Self { refusal, pause }
    }

    /// Books the refusal of a request whose message could not be read.
    pub(crate) fn unread(
        ledger: &Ledger,
        tenant: &TenantContext,
        exchange: &Exchange,
        server: &str,
        refusal: Refusal,
    ) -> Self {
        Self::denied(ledger, tenant, refusal, || Call {
            ids: exchange.ids,
            since: exchange.since,
            weight: Weight::Free,
            server: server.to_owned(),
            method: "unread",
            name: None,
            era: "unknown",
            bytes_in: 0,
        })
    }

    /// Books the refusal of a call for which no place was left.
    pub(crate) fn throttled(
        ledger: &Ledger,
        tenant: &TenantContext,
        throttled: Throttled,
        call: impl FnOnce() -> Call,
    ) -> Self {
        let pause = ledger.deny(tenant, throttled.code, || throttled.settlement(), call);
        Self { refusal: Refusal::throttled(throttled), pause }
    }

    /// The task that held the call's place is gone, and the place, dropped with it, is booked as abandoned.
    pub(crate) fn lost() -> Self {
        let refusal = Refusal::new(partywall_domain::RefusalCode::Internal, "the task of the call is gone");
        Self { refusal, pause: Duration::ZERO }
    }

    /// How long its answer waits, with nothing in hand but itself.
    pub(crate) fn pause(&self) -> Duration {
        self.pause
    }

    pub(crate) fn into_refusal(self) -> Refusal {
        self.refusal
    }
}

/// A refusal as the books take it, with the status that a client of this era gets.
fn settlement(refusal: &Refusal, era: Era) -> Settlement {
    Settlement { status: refusal.status(era).as_u16(), ..Settlement::refused(refusal.code, &refusal.cause) }
}
