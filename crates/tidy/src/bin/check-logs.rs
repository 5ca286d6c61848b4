//! Checks every log line below a directory: `check-logs DIR`. Prints how many lines of each event it read.

#![allow(clippy::print_stdout, reason = "a program's result goes to stdout")]

use std::path::Path;
use std::process::ExitCode;

use tidy::logs;

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: check-logs DIR");
        return ExitCode::from(2);
    };
    match logs::check(Path::new(&dir)) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(complaints) => {
            tell(&complaints);
            ExitCode::FAILURE
        }
    }
}

/// Shows the first complaints and counts the rest: one bad `info!` can spoil every line.
fn tell(complaints: &[String]) {
    const SHOWN_MAX: usize = 40;
    for complaint in complaints.iter().take(SHOWN_MAX) {
        eprintln!("{complaint}");
    }
    if let Some(more) = complaints.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        eprintln!("… and {more} more");
    }
}
