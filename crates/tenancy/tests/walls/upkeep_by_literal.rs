//! Upkeep is made with the gateway's own authority, which calls have not.

use std::sync::Arc;

use partywall_tenancy::{TenantConfig, Upkeep};

fn without_authority(config: &Arc<TenantConfig>) -> Upkeep {
    Upkeep { config: Arc::clone(config) }
}

fn main() {}
