//! An operator runs the platform, and is no tenant.

use partywall_identity::Operator;
use partywall_tenancy::{Snapshot, TenantContext};

fn enter(snapshot: &Snapshot, operator: Operator) -> Option<TenantContext> {
    snapshot.enter(operator).ok()
}

fn main() {}
