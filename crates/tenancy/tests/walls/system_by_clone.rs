//! The gateway's own authority is one.

use partywall_identity::SystemAuthority;

fn second(system: &SystemAuthority) -> SystemAuthority {
    system.clone()
}

fn main() {}
