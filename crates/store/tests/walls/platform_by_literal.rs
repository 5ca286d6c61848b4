//! What an operator sees is reached by an operator.

use partywall_identity::Operator;
use partywall_store::{PlatformStore, Store};

fn forge<'a>(store: &'a Store, operator: &'a Operator) -> PlatformStore<'a> {
    PlatformStore { store, operator }
}

fn main() {}
