//! A principal is what a verified token yields, and nothing else.

use partywall_identity::Principal;

fn forge<T>(facts: T) -> Principal {
    Principal(facts)
}

fn main() {}
