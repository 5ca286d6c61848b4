//! A tenant's name is a name that anyone can type.

use partywall_domain::TenantName;
use partywall_tenancy::{Snapshot, TenantContext};

fn enter(snapshot: &Snapshot, name: TenantName) -> Option<TenantContext> {
    snapshot.enter(name).ok()
}

fn main() {}
