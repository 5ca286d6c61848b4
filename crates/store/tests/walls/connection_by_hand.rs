//! SQL is written in the store and nowhere else.

use partywall_store::Store;

fn query(store: &Store) {
    store.connection();
}

fn main() {}
