//! `cargo xtask soak`: the tests that draw at random, at their full counts. Too long for every change; what it found and
//! when stands in docs/soak.md.

use std::process::ExitCode;

use anyhow::Result;

use crate::run::{cargo, run};
use crate::steps::Steps;

/// Cases of each property. The usual count is 256, or what a test says of itself.
const CASES: &str = "20000";
/// The crates whose tests draw at random without a process or a network.
const PACKAGES: [&str; 4] = ["partywall-documents", "partywall-identity", "partywall-mcp", "partywall-tenancy"];

/// Runs them; the first step that fails ends it.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let result = in_order(&mut steps);
    steps.finish(result)
}

fn in_order(steps: &mut Steps) -> Result<()> {
    for package in PACKAGES {
        steps.step(package, || {
            let mut tests = cargo(&["test", "--package", package]);
            tests.env("PROPTEST_CASES", CASES);
            run(tests)
        })?;
    }
    Ok(())
}
