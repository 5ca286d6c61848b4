//! To see a tenant's configuration, as operators do, is not to be that tenant.

use partywall_tenancy::{Snapshot, TenantContext};

fn enter(snapshot: &Snapshot) -> Option<TenantContext> {
    let tenant = snapshot.tenants().next()?;
    snapshot.enter(tenant).ok()
}

fn main() {}
