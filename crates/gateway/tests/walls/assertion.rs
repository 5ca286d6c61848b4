//! Who is calling, the gateway alone says to an upstream.

use partywall_gateway::Signer;
use partywall_tenancy::TenantContext;

fn impersonate(signer: &Signer, tenant: &TenantContext) {
    signer.assertion(tenant, "notes");
}

fn main() {}
