//! What is sealed is read by opening it.

use partywall_tenancy::{Owned, Portable};

fn read<T: Portable>(sealed: Owned<T>) -> String {
    sealed.text
}

fn main() {}
