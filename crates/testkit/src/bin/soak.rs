//! A soak as a process of its own: `soak --partywall BINARY [--seconds N] [--tenants N] [--clients N] [--hostile N]
//! [--rate CALLS_A_SECOND]`. Prints what it found, and ends with 1 where that is not as it should be.
//!
//! `soak --partywall BINARY --kinds` prints what each kind of hostile peer costs instead.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use partywall_testkit::args;
use partywall_testkit::soak::{Options, costs, run};

/// Below this a run says nothing of memory.
const SAYS_SOMETHING_OF_MEMORY: Duration = Duration::from_mins(10);
/// Honest clients to one hostile peer: one in a hundred is hostile.
const HONEST_TO_ONE_HOSTILE: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let number = |name: &str, unless_said: &str| args::value(name).unwrap_or_else(|| unless_said.to_owned());
    let duration = Duration::from_secs(number("--seconds", "1800").parse().context("`--seconds` is no number")?);
    let clients: usize = number("--clients", "400").parse().context("`--clients` is no number")?;
    let per_hundred = (clients / HONEST_TO_ONE_HOSTILE).max(1);
    let rate = args::value("--rate").map(|rate| rate.parse()).transpose().context("`--rate` is no number")?;
    let options = Options {
        partywall: args::value("--partywall").context("`--partywall BINARY` is missing")?.into(),
        log_file: None,
        duration,
        rate,
        clients,
        hostile: number("--hostile", &per_hundred.to_string()).parse().context("`--hostile` is no number")?,
        tenants: number("--tenants", "100").parse().context("`--tenants` is no number")?,
    };
    let mut out = std::io::stdout().lock();
    if args::flag("--kinds") {
        write!(out, "{}", costs(&options).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = run(&options).await?;
    writeln!(out, "{report}")?;
    let mut complaints = report.complaints();
    if duration >= SAYS_SOMETHING_OF_MEMORY && report.grows() {
        complaints.push("memory is not flat".to_owned());
    }
    if report.falls_short() {
        complaints.push("the honest load fell behind".to_owned());
    }
    for complaint in &complaints {
        writeln!(out, "error: {complaint}")?;
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
