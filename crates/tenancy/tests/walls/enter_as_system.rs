//! The gateway's own authority is no principal.

use partywall_identity::SystemAuthority;
use partywall_tenancy::{Snapshot, TenantContext};

fn enter(snapshot: &Snapshot, system: SystemAuthority) -> Option<TenantContext> {
    snapshot.enter(system).ok()
}

fn main() {}
