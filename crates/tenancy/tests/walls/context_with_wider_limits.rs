//! A limit is the configuration's: who is limited does not set it.

use partywall_tenancy::TenantContext;

fn widen(tenant: &mut TenantContext) {
    tenant.limits().calls_per_second = u32::MAX;
}

fn main() {}
