//! A key opens and seals; it is not shown.

use partywall_tenancy::SealKey;

fn show(key: &SealKey) {
    println!("{key:?}");
}

fn main() {}
