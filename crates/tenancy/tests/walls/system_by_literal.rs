//! The gateway's own authority is taken, not made.

use partywall_identity::SystemAuthority;

fn forge() -> SystemAuthority {
    SystemAuthority(())
}

fn main() {}
