//! To know a tenant's id is not to own what is the tenant's.

use partywall_domain::TenantId;
use partywall_tenancy::{Owned, Portable, SealKeys};

fn read<T: Portable>(sealed: &Owned<T>, id: &TenantId, keys: &SealKeys) -> Option<T> {
    sealed.open(id, keys)
}

fn main() {}
