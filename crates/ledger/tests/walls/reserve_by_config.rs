//! A place belongs to who entered; to see a tenant's configuration is not to enter.

use partywall_ledger::{Call, Ledger};
use partywall_tenancy::TenantConfig;

fn begin(ledger: &Ledger, tenant: &TenantConfig, call: Call) -> bool {
    ledger.reserve(tenant, call).is_ok()
}

fn main() {}
