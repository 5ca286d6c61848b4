//! The process follows the configuration and does not change it.

use partywall_identity::SystemAuthority;
use partywall_store::Store;

fn write(store: &Store, system: &SystemAuthority) {
    store.platform(system);
}

fn main() {}
