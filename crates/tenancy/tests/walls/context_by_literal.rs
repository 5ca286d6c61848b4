//! A context is what the door yields, and nothing else.

use std::sync::Arc;

use partywall_domain::Revision;
use partywall_identity::Principal;
use partywall_tenancy::{TenantConfig, TenantContext};

fn forge(principal: Principal, config: Arc<TenantConfig>) -> TenantContext {
    TenantContext { principal, config, revision: Revision(1) }
}

fn main() {}
