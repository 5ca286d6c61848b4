//! The one constructor of a principal is the verifier's own.

use partywall_identity::Principal;

fn main() {
    let _forge = Principal::mint;
}
