//! Upkeep is no context: what acts for a caller does not take it.

use partywall_tenancy::{TenantContext, Upkeep};

fn acts(_: &TenantContext) {}

fn act(upkeep: &Upkeep) {
    acts(upkeep);
}

fn main() {}
