//! `cargo xtask soak`: the tests that draw at random, at their full counts, the noisy neighbour and hostile instances for as
//! many calls as a percentile needs, ten thousand calls of two principals at one process, a thousand changes under load,
//! then load on a release build for half an hour, with hostile peers mixed in. Too long for every change; what it found and
//! when stands in docs/soak.md.
//!
//! `cargo xtask soak --minutes N` runs the load alone, for so long.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::process::released;
use crate::run::{cargo, run};
use crate::steps::Steps;

/// Cases of each property. The usual count is 256, or what a test says of itself.
const CASES: &str = "20000";
/// Changes of the configuration under load. The usual count is 50.
const CHANGES: &str = "1000";
/// The crates whose tests draw at random without a process or a network.
const PACKAGES: [&str; 4] = ["partywall-documents", "partywall-identity", "partywall-mcp", "partywall-tenancy"];
/// Minutes of load, unless said otherwise.
const MINUTES: u64 = 30;

/// Calls of the quiet tenant, alone and beside the noise. At 5,000 fifty of them are beyond the 99th percentile.
const CALLS: &str = "5000";

/// Calls of a quiet tenant to each of its servers before and beside each attack: 240 of all are beyond the 99th percentile.
/// With 500 or 1,000 the ratio is blurred by whatever else the host does.
const BESIDE_CALLS: &str = "3000";

/// Calls of two principals at one process, whose messages must not be mixed up.
const OWNERS_CALLS: &str = "10000";

/// Runs them; the first step that fails ends it.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let result = in_order(&mut steps);
    steps.finish(result)
}

fn in_order(steps: &mut Steps) -> Result<()> {
    let minutes = minutes()?;
    if minutes.is_none() {
        draw(steps)?;
    }
    steps.step("build", || {
        run(cargo(&["build", "--release", "--bins", "--package", "partywall-app", "--package", "partywall-testkit"]))
    })?;
    steps.step("load", || load(minutes.unwrap_or(MINUTES)))
}

/// What `--minutes` says.
fn minutes() -> Result<Option<u64>> {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(None),
        ["--minutes", number] => {
            number.parse().map(Some).with_context(|| format!("`{number}` is no number of minutes"))
        }
        _ => bail!("usage: cargo xtask soak [--minutes N]"),
    }
}

fn draw(steps: &mut Steps) -> Result<()> {
    for package in PACKAGES {
        steps.step(package, || {
            let mut tests = cargo(&["test", "--package", package]);
            tests.env("PROPTEST_CASES", CASES);
            run(tests)
        })?;
    }
    steps.step("noisy neighbour", || {
        // In release, as it is served: the times that it prints are worth more so.
        let only = ["test", "--release", "--package", "partywall-app", "--test", "e2e", "noisy::", "--", "--nocapture"];
        let mut test = cargo(&only);
        test.env("PARTYWALL_SOAK_CALLS", CALLS);
        run(test)
    })?;
    steps.step("hostile instances", || {
        let only = [
            "test",
            "--release",
            "--package",
            "partywall-app",
            "--test",
            "e2e",
            "instances::beside",
            "--",
            "--nocapture",
        ];
        let mut test = cargo(&only);
        test.env("PARTYWALL_SOAK_CALLS", BESIDE_CALLS);
        run(test)
    })?;
    steps.step("owners of messages", || {
        let only = ["test", "--package", "partywall-app", "--test", "e2e", "instances::owners", "--", "--nocapture"];
        let mut test = cargo(&only);
        test.env("PARTYWALL_SOAK_CALLS", OWNERS_CALLS);
        run(test)
    })?;
    steps.step("costs of instances", || {
        run(cargo(&["build", "--release", "--package", "partywall-testkit", "--bins"]))?;
        let only = [
            "test",
            "--release",
            "--package",
            "partywall-app",
            "--test",
            "e2e",
            "instances::costs",
            "--",
            "--nocapture",
        ];
        let mut test = cargo(&only);
        // One after the other: each measures.
        test.arg("--test-threads=1").env("PARTYWALL_SOAK_CALLS", CALLS);
        run(test)
    })?;
    steps.step("many tenants on few places", || {
        let only = ["test", "--package", "partywall-app", "--test", "e2e", "instances::crowd", "--", "--nocapture"];
        let mut test = cargo(&only);
        test.env("PARTYWALL_SOAK_CALLS", OWNERS_CALLS);
        run(test)
    })?;
    steps.step("changes under load", || {
        let name = "live::a_change_holds_whole_and_at_once_and_touches_nobody_else";
        let only =
            ["test", "--release", "--package", "partywall-app", "--test", "e2e", "--", name, "--exact", "--nocapture"];
        let mut test = cargo(&only);
        test.env("PARTYWALL_TEST_CHANGES", CHANGES);
        run(test)
    })
}

fn load(minutes: u64) -> Result<()> {
    let mut soak = released("soak");
    soak.arg("--partywall").arg(released("partywall").get_program());
    soak.arg("--seconds").arg((minutes * 60).to_string());
    run(soak)
}
