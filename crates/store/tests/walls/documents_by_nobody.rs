//! The store answers somebody.

use partywall_store::Store;

fn read(store: &Store) {
    store.each(|_| ());
}

fn main() {}
