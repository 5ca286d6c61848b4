//! Connections to upstreams are a tenant's, and reached by its calls alone.

use partywall_domain::TenantId;
use partywall_gateway::Gateway;

fn borrow(gateway: &Gateway, id: TenantId) {
    gateway.pools.of(id);
}

fn main() {}
