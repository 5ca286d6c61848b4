//! There is no principal to begin with.

use partywall_identity::Principal;

fn forge() -> Principal {
    Principal::default()
}

fn main() {}
