//! Who has a tenant's token is no operator.

use partywall_identity::Principal;
use partywall_store::Store;

fn read(store: &Store, principal: &Principal) {
    store.platform(principal);
}

fn main() {}
