//! An operator is who brought an operator's token.

use partywall_identity::Operator;

fn forge() -> Operator {
    Operator { name: "root".to_owned() }
}

fn main() {}
