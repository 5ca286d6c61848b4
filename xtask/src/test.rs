//! `cargo xtask test`: the style, the lints, the tests, the documentation, and the log lines that the tests left.
//!
//! Its last line is the count of tests, so that whoever reads only the end of the output knows how it went.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::run::{Stream, cargo, root, run, run_and_read, succeeds};
use crate::steps::Steps;
use crate::tally::Tally;
use crate::{counts, through_gateway, tools};

/// What the tests find in their environment.
type Environment = Vec<(&'static str, OsString)>;

/// Runs it all; the first step that fails ends it.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let mut tally = Tally::default();
    let result = in_order(&mut steps, &mut tally);
    let code = steps.finish(result);
    if !tally.is_empty() {
        println!("{tally}");
    }
    code
}

fn in_order(steps: &mut Steps, tally: &mut Tally) -> Result<()> {
    steps.step("fmt", || run(cargo(&["fmt", "--all", "--check"])))?;
    steps.step("clippy", || run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])))?;
    let logs = root().join("target/test-logs");
    let environment = steps.step("tools", || environment(&logs))?;
    steps.step("build", || run(with(cargo(&["build", "--workspace", "--bins", "--tests"]), &environment)))?;
    steps.step("tests", || tests(&environment, tally))?;
    steps.step("conformance", through_gateway::judge)?;
    steps.step("counts", counts::judge)?;
    steps.step("doctests", || {
        let doctests = with(cargo(&["test", "--workspace", "--doc", "--quiet"]), &environment);
        run_and_read(doctests, Stream::Stdout, |line| tally.read_cargo_test(line))
    })?;
    steps.step("doc", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    })?;
    steps.step("logs", || check_logs(&logs))
}

/// Empties the place for the log lines and installs the tools.
fn environment(logs: &Path) -> Result<Environment> {
    empty(logs)?;
    let tools = tools::ensure()?;
    Ok(vec![
        ("PARTYWALL_TEST_LOGS", logs.to_owned().into()),
        ("PARTYWALL_TOOLS_NODE", tools.node.into()),
        ("PARTYWALL_TOOLS_MODULES", tools.modules.into()),
        ("PARTYWALL_TOOLS_PYTHON", tools.python.into()),
        ("PARTYWALL_TOOLS_CHROMIUM", tools.chromium.into()),
    ])
}

fn empty(dir: &Path) -> Result<()> {
    let told = || format!("`{}` cannot be emptied", dir.display());
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(told)?;
    }
    fs::create_dir_all(dir).with_context(told)
}

/// Every test, also after one failed; by nextest, which gives each a process of its own, where it is installed.
fn tests(environment: &Environment, tally: &mut Tally) -> Result<()> {
    if succeeds(cargo(&["nextest", "--version"])) {
        let tests = with(cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]), environment);
        run_and_read(tests, Stream::Stderr, |line| tally.read_nextest(line))?;
    } else {
        let tests = with(cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]), environment);
        run_and_read(tests, Stream::Stdout, |line| tally.read_cargo_test(line))?;
    }
    ensure!(!tally.is_empty(), "no test ran, or the runner's closing line reads differently now: see `tally.rs`");
    Ok(())
}

/// Runs the check that the build step put beside this very program; building it alone would build its needs again.
fn check_logs(logs: &Path) -> Result<()> {
    let mut check = Command::new(std::env::current_exe()?.with_file_name("check-logs"));
    check.arg(logs);
    run(check)
}

fn with(mut command: Command, environment: &Environment) -> Command {
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
