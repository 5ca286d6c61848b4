//! Wrapped keys are the process's alone.

use partywall_store::PlatformStore;

fn keys(store: &PlatformStore<'_>) {
    store.key("seal");
}

fn main() {}
