//! The one constructor of a context is the door's own.

use std::sync::Arc;

use partywall_domain::Revision;
use partywall_identity::Principal;
use partywall_tenancy::{TenantConfig, TenantContext};

fn forge(principal: Principal, config: Arc<TenantConfig>) -> TenantContext {
    TenantContext::of(principal, config, Revision(1))
}

fn main() {}
