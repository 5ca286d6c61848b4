//! The keeper: the small single-threaded program that builds a box and keeps it. It is a hidden subcommand of the
//! gateway's own binary, so that a sandbox needs nothing that has to be installed.
//!
//! Its first stage (`outside`) joins the cgroups, becomes the tenant's uid and makes the namespaces; it stays to end
//! the box when the gateway is gone. The second (`inside`) is process 1 of the box: it puts on what only a process
//! can put on itself (root, Landlock, seccomp, no capabilities), starts the server and reaps what the server leaves.
//! It decides nothing: what stands in the box is the driver's to say.

mod handover;
mod inside;
mod landlock;
mod numbers;
mod outside;
mod root;
mod seccomp;

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::ExitCode;

use crate::order::{Found, INSIDE, NOT_STARTED, PROBE};

/// What a step of the keeper comes to; what fails is told in one line.
type Step<T = ()> = Result<T, String>;

/// Runs the keeper. `argument` is what stood behind the subcommand: nothing, or the name of a stage.
///
/// Call it from a process that has no other thread yet: namespaces and uids are for whole processes.
pub fn run(argument: Option<&str>) -> ExitCode {
    let done = match argument {
        None => outside::run(),
        Some(INSIDE) => inside::run(),
        Some(PROBE) => probe(),
        Some(other) => Err(format!("`{other}` is no stage of the keeper; it is started by the gateway, not by hand")),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "keeper: {why}");
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// Tries for real what the stages would do, in this process, and says what came of it.
fn probe() -> Step<u8> {
    let namespaces = outside::namespaces_for(outside::probing_uid()).err();
    let landlock = landlock::restrict(&[]).unwrap_or(0);
    let seccomp = seccomp::restrict().err();
    let line = serde_json::to_string(&Found { namespaces, landlock, seccomp }).map_err(told("cannot say"))?;
    writeln!(std::io::stdout(), "{line}").map_err(told("cannot say what was found"))?;
    Ok(0)
}

/// Puts before an error what was being done.
fn told<E: Display>(doing: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{doing}: {error}")
}

/// Lets go of the server's streams, so that their ends are the server's alone; stderr stays, for the keeper to speak.
fn let_go_of_streams() -> Step {
    let null = File::options().read(true).write(true).open("/dev/null").map_err(told("cannot open `/dev/null`"))?;
    nix::unistd::dup2_stdin(null.as_fd()).map_err(told("cannot let go of stdin"))?;
    nix::unistd::dup2_stdout(null.as_fd()).map_err(told("cannot let go of stdout"))
}
