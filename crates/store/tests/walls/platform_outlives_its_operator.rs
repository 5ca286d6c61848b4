//! What an operator sees is seen no longer than the operator is there.

use partywall_identity::Operator;
use partywall_store::{PlatformStore, Store};

fn keep(store: &'static Store, operator: Operator) -> PlatformStore<'static> {
    store.platform(&operator)
}

fn main() {}
