//! What people and CI run: `cargo xtask <command>`.
//!
//! Each command is a list of steps. It starts other programs and reads how they ended; it holds no logic of the
//! product, and a command stands here only once there is something behind it.

#![allow(clippy::print_stdout, reason = "a program's result goes to stdout")]

mod bench;
mod conformance;
mod counts;
mod machine;
mod process;
mod run;
mod soak;
mod steps;
mod tally;
mod tenants;
mod test;
mod through_gateway;
mod tools;

use std::process::ExitCode;

/// A command: its name, one line of help, and what it does.
type Command = (&'static str, &'static str, fn() -> ExitCode);

const COMMANDS: &[Command] = &[
    ("test", "sets up what the tests need and runs them all", test::run_all),
    ("bench", "measures against nginx and writes docs/performance.md; needs a quiet machine", bench::run_all),
    ("counts", "counts the instructions of a call's steps and compares with what is checked in", counts::run_all),
    (
        "soak",
        "runs the tests that draw at random or repeat at their full counts, then load for 30 minutes",
        soak::run_all,
    ),
    ("tenants", "measures what none, a thousand and a hundred thousand tenants cost", tenants::run_all),
    ("conformance", "runs the official conformance suite through the gateway", through_gateway::run_all),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if arguments.iter().any(|argument| ["--help", "-h", "help"].contains(argument)) {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let command = match arguments.as_slice() {
        // What stands behind the name, the command reads itself.
        [name, rest @ ..] if rest.is_empty() || *name == "soak" => COMMANDS.iter().find(|command| command.0 == *name),
        _ => None,
    };
    if let Some((_, _, act)) = command {
        act()
    } else {
        eprint!("{}", usage());
        ExitCode::from(2)
    }
}

fn usage() -> String {
    let lines: Vec<String> = COMMANDS.iter().map(|(name, help, _)| format!("  {name:<12} {help}\n")).collect();
    format!("usage: cargo xtask <command>\n\ncommands:\n{}", lines.concat())
}
