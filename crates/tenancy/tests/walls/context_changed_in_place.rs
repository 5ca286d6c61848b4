//! Who entered stays who entered, also when the context is ours to change.

use partywall_identity::Principal;
use partywall_tenancy::TenantContext;

fn swap(tenant: &mut TenantContext, other: Principal) {
    tenant.principal = other;
}

fn main() {}
