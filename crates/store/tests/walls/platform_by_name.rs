//! An operator's name is what history shows, not what opens the store.

use partywall_store::Store;

fn read(store: &Store) {
    store.platform("bootstrap");
}

fn main() {}
