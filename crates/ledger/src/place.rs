//! A place among what a tenant may do at once. Taken before anything of a call is written down, so that a refusal is
//! cheap; given back when it is dropped.

use std::time::Duration;

use partywall_domain::RefusalCode;
use partywall_tenancy::TenantContext;

use crate::Ledger;
use crate::call::Call;
use crate::hold::{Claim, Hold};
use crate::policy::Throttled;
use crate::reservation::Reservation;
use crate::settlement::Settlement;

/// A place that a tenant has taken.
#[must_use = "a place that nobody keeps is given back at once"]
pub struct Place {
    ledger: Ledger,
    tenant: TenantContext,
    hold: Hold,
}

impl Place {
    pub(crate) fn take(ledger: &Ledger, tenant: &TenantContext, claim: &Claim<'_>) -> Result<Self, Throttled> {
        let hold = Hold::take(ledger.meter(tenant.config()), tenant, claim)?;
        Ok(Self { ledger: ledger.clone(), tenant: tenant.clone(), hold })
    }

    /// Whose place it is.
    pub fn tenant(&self) -> &TenantContext {
        &self.tenant
    }

    /// Books that the call which the place is for is refused, as [`Ledger::deny`] does, and gives the place back.
    pub fn deny(
        self,
        code: RefusalCode,
        settlement: impl FnOnce() -> Settlement,
        call: impl FnOnce() -> Call,
    ) -> Duration {
        self.ledger.deny_at(self.hold.meter(), &self.tenant, code, settlement, call)
    }

    /// Books the beginning of the call that the place is for.
    pub fn begin(self, call: Call) -> Reservation {
        Reservation::begin(self.ledger, self.tenant, self.hold, call)
    }
}
