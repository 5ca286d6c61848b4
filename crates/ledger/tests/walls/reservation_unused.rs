//! A place that nobody keeps is given back at once: say so, if that is meant.
#![deny(unused_must_use)]

use partywall_ledger::{Call, Ledger, Throttled};
use partywall_tenancy::TenantContext;

fn begin(ledger: &Ledger, tenant: &TenantContext, call: Call) -> Result<(), Throttled> {
    ledger.reserve(tenant, call)?;
    Ok(())
}

fn main() {}
