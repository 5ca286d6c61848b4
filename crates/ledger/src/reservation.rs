//! A place in the books: taken before a call, settled exactly once after it.

use std::sync::Arc;

use partywall_domain::{Outcome, event};
use partywall_tenancy::TenantContext;

use crate::Ledger;
use crate::call::{Call, Weight};
use crate::journal::Entry;
use crate::meter::Meter;
use crate::settlement::Settlement;

/// A call's place. Dropped unsettled, it is booked as abandoned.
#[must_use = "a reservation is settled, or it is booked as abandoned"]
pub struct Reservation {
    ledger: Ledger,
    meter: Option<Arc<Meter>>,
    tenant: TenantContext,
    call: Call,
    settled: bool,
}

impl Reservation {
    pub(crate) fn begin(ledger: Ledger, meter: Arc<Meter>, tenant: TenantContext, call: Call) -> Self {
        ledger.0.journal.append(&Entry::began(&tenant, &call));
        Self { ledger, meter: Some(meter), tenant, call, settled: false }
    }

    pub(crate) fn without_place(ledger: Ledger, tenant: TenantContext, call: Call) -> Self {
        Self { ledger, meter: None, tenant, call, settled: false }
    }

    /// Whose call it is.
    pub fn tenant(&self) -> &TenantContext {
        &self.tenant
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Settles: the place is free again, and journal and log have the end.
    #[expect(clippy::needless_pass_by_value, reason = "a settlement settles one call and is used up with it")]
    pub fn settle(mut self, settlement: Settlement) {
        self.close(&settlement);
    }

    fn close(&mut self, settlement: &Settlement) {
        self.settled = true;
        if let Some(meter) = self.meter.take() {
            meter.give_back(self.call.weight);
        }
        let duration_us = u64::try_from(self.call.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.ledger.0.journal.append(&Entry::ended(&self.tenant, &self.call, settlement, duration_us));
        self.log(settlement, duration_us);
    }

    fn log(&self, settlement: &Settlement, duration_us: u64) {
        let refusal = match settlement.outcome {
            Outcome::Refused(code) => Some(code.as_str()),
            _ => None,
        };
        tracing::info!(
            event = event::CALL,
            tenant_id = %self.tenant.id(),
            tenant = self.tenant.name().as_str(),
            request_id = %self.call.ids.request,
            trace_id = %self.call.ids.trace,
            revision = self.tenant.revision().0,
            subject = self.tenant.principal().subject(),
            server = self.call.server,
            method = self.call.method,
            name = self.call.name.as_deref(),
            era = self.call.era,
            outcome = settlement.outcome.as_str(),
            refusal,
            cause = Some(settlement.cause.as_str()).filter(|cause| !cause.is_empty()),
            status = settlement.status,
            bytes_out = settlement.bytes_out,
            duration_us,
        );
    }

    /// Whether it stands for a long-lived stream.
    pub fn is_stream(&self) -> bool {
        self.call.weight == Weight::Stream
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            self.close(&Settlement { outcome: Outcome::Abandoned, cause: String::new(), status: 0, bytes_out: 0 });
        }
    }
}
