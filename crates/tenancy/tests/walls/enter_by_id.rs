//! A tenant's id is a name that anyone can type.

use partywall_domain::TenantId;
use partywall_tenancy::{Snapshot, TenantContext};

fn enter(snapshot: &Snapshot, id: TenantId) -> Option<TenantContext> {
    snapshot.enter(id).ok()
}

fn main() {}
