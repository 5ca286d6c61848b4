//! The keeper as a program of its own: what the gateway has as a subcommand, without the rest of the gateway.

use std::process::ExitCode;

fn main() -> ExitCode {
    partywall_supervisor::keeper::run(std::env::args().nth(1).as_deref())
}
