//! Who entered stays who entered.

use partywall_identity::Principal;
use partywall_tenancy::TenantContext;

fn swap(tenant: TenantContext, other: Principal) -> TenantContext {
    TenantContext { principal: other, ..tenant }
}

fn main() {}
