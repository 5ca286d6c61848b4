//! The command lines of this crate's small binaries: `--name value` and `--flag`, nothing more.
//!
//! Not a parser for people: they meet the `partywall` binary, which has a real one.

use std::env;

/// The value after `--name`, if the command line has it.
#[must_use]
pub fn value(name: &str) -> Option<String> {
    let mut args = env::args().skip(1).skip_while(|arg| arg != name);
    args.next();
    args.next()
}

/// Whether the command line has `--name`.
#[must_use]
pub fn flag(name: &str) -> bool {
    env::args().skip(1).any(|arg| arg == name)
}
