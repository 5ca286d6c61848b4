//! The process follows the configuration and does not change it.

use partywall_domain::Revision;
use partywall_store::SystemStore;

fn write(store: &SystemStore<'_>) {
    store.apply(Revision(1), &[], None);
}

fn main() {}
