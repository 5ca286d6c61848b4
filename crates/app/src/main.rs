//! The binary: command line, settings, wiring, key ring. The only crate that knows everyone; it decides nothing that
//! another crate could.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line's data goes to stdout, its talk to stderr"
)]

mod admin_client;
mod assembly;
mod cli;
mod data;
mod demo;
mod development;
mod instances;
mod key_source;
mod keys;
mod log;
mod ports;
mod refresh;
mod serve;
mod settings;
mod tls;
mod traces;
mod vitals;
mod warm;

use std::process::ExitCode;

use clap::Parser;

/// The system's allocator keeps what a few large answers took, for good and on every thread; this one gives it back, and
/// takes less time for the fifty small texts and buffers of a call. Without huge pages: with them an idle process holds
/// half as much memory again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before there is another thread: namespaces and uids are for whole processes.
    if std::env::args().nth(1).as_deref() == Some(instances::KEEPER) {
        return partywall_supervisor::keeper::run(std::env::args().nth(2).as_deref());
    }
    let arguments = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cli::run(arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
