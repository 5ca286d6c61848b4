//! A refusal that stands in the books. Only booking makes one, so none is forgotten.

use partywall_ledger::{Call, Ledger, Reservation, Settlement, Throttled, Weight};
use partywall_mcp::Era;
use partywall_tenancy::TenantContext;

use crate::exchange::Exchange;
use crate::refusal::Refusal;

pub(crate) struct Refused(Refusal);

impl Refused {
    /// Settles a call's place as refused.
    pub(crate) fn settled(reservation: Reservation, refusal: Refusal) -> Self {
        let era = if reservation.call().era == Era::Legacy.as_str() { Era::Legacy } else { Era::Modern };
        let status = refusal.status(era).as_u16();
        reservation.settle(Settlement { status, ..Settlement::refused(refusal.code, &refusal.cause) });
        Self(refusal)
    }

    /// Books the refusal of a call that got no place.
    pub(crate) fn denied(
        ledger: &Ledger,
        tenant: &TenantContext,
        refusal: Refusal,
        call: impl FnOnce() -> Call,
    ) -> Self {
        ledger.deny(tenant, refusal.code, || &refusal.cause, call);
        Self(refusal)
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
        ledger.deny(tenant, throttled.code, || throttled.cause(), call);
        Self(Refusal::throttled(throttled))
    }

    /// The task that held the call's place is gone, and the place, dropped with it, is booked as abandoned.
    pub(crate) fn lost() -> Self {
        Self(Refusal::new(partywall_domain::RefusalCode::Internal, "the task of the call is gone"))
    }

    pub(crate) fn into_refusal(self) -> Refusal {
        self.0
    }
}
