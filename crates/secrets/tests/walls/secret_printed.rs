//! A secret has no text for people.

use partywall_domain::Secret;

fn show(secret: &Secret) -> String {
    secret.to_string()
}

fn main() {}
