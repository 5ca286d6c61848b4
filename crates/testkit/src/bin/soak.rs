//! A soak as a process of its own: `soak --partywall BINARY [--seconds N] [--tenants N] [--rate CALLS_A_SECOND]`.
//!
//! Prints what it found, and ends with 1 where that is not as it should be.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use partywall_testkit::args;
use partywall_testkit::soak::{HONEST_TO_ONE_HOSTILE, Options, run};

/// Below this a run says nothing of memory.
const SAYS_SOMETHING_OF_MEMORY: Duration = Duration::from_mins(10);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let number = |name: &str, unless_said: &str| args::value(name).unwrap_or_else(|| unless_said.to_owned());
    let duration = Duration::from_secs(number("--seconds", "1800").parse().context("`--seconds` is no number")?);
    let rate = args::value("--rate").map(|rate| rate.parse()).transpose().context("`--rate` is no number")?;
    let options = Options {
        partywall: args::value("--partywall").context("`--partywall BINARY` is missing")?.into(),
        log_file: None,
        duration,
        rate,
        honest_to_one_hostile: HONEST_TO_ONE_HOSTILE,
        tenants: number("--tenants", "100").parse().context("`--tenants` is no number")?,
    };
    let report = run(&options).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{report}")?;
    let mut complaints = report.complaints();
    if duration >= SAYS_SOMETHING_OF_MEMORY && report.grows() {
        complaints.push("memory is not flat".to_owned());
    }
    for complaint in &complaints {
        writeln!(out, "error: {complaint}")?;
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
