//! Nobody changes what a token said.

use partywall_identity::Principal;

fn swap(mine: &mut Principal, theirs: &Principal) {
    mine.0 = theirs.0.clone();
}

fn main() {}
