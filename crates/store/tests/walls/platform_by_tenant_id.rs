//! A tenant's id is a name that anyone can type.

use partywall_domain::TenantId;
use partywall_store::Store;

fn read(store: &Store, id: &TenantId) {
    store.platform(id);
}

fn main() {}
