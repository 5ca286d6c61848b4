//! `cargo xtask counts`: the instructions that each step of a call takes, against what is checked in.
//!
//! Times differ from run to run and from machine to machine; instructions hardly do. They are counted by valgrind within
//! the functions of `counted` in the gateway's tests, built for release. A step that takes more than it may fails; one
//! that takes much less has to be written down, so that the gain is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::machine;
use crate::run::{cargo, root, run, talking_to_stderr};
use crate::steps::Steps;

/// How far a count may be from the one written down, in hundredths. Default 10: a processor without AVX2, on which hashes
/// and copies go other ways, counts 3.5 more in `verify` and about 1 elsewhere, and another patch release of the compiler
/// or of a library adds to that; a second parse, hash or walk through the rules is far beyond it.
const TOLERANCE_PERCENT: u64 = 10;
/// And how far at least, in instructions. Default 100: one more slot of a hash map that is looked at is 34 of them, and the
/// hashes depend on where the program lies in memory, so on any change of it: `route_call` was 257, 291 and 325 so far.
const TOLERANCE: u64 = 100;
/// The test whose steps are counted.
const TEST: &str = "counts::the_steps_of_a_call_go_through";
/// What is in the names of the functions that are counted.
const COUNTED: &str = "::counts::counted::";

/// Instructions per call, by step.
type Counts = BTreeMap<String, u64>;

/// Counts and compares; with `UPDATE` set, writes down.
pub(crate) fn run_all() -> ExitCode {
    let mut steps = Steps::default();
    let result = steps.step("counts", judge);
    steps.finish(result)
}

/// Counts, and complains of what differs.
pub(crate) fn judge() -> Result<()> {
    machine::program("valgrind", "--version", "counting instructions")?;
    let counts = count(&test_binary()?)?;
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(path(), written(&counts)).context("benches/instructions.txt");
    }
    let text = fs::read_to_string(path()).context("benches/instructions.txt")?;
    let complaints = compare(&read(&text)?, &counts);
    for (step, count) in &counts {
        println!("{count:>8}  {step}");
    }
    ensure!(
        complaints.is_empty(),
        "{}\nhint: if that is meant, write it down with `UPDATE=1 cargo xtask counts`",
        complaints.join("\n")
    );
    Ok(())
}

fn path() -> PathBuf {
    root().join("benches/instructions.txt")
}

/// Builds the gateway's tests for release; Cargo says where they are.
fn test_binary() -> Result<PathBuf> {
    let mut build = cargo(&["test", "--release", "--package", "partywall-gateway", "--lib", "--no-run"]);
    build.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = build.output().context("cargo does not start")?;
    ensure!(output.status.success(), "the gateway's tests do not build for release");
    let messages = String::from_utf8(output.stdout)?;
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    executables.next_back().context("Cargo names no test binary; see the messages above")
}

fn count(test: &Path) -> Result<Counts> {
    let out = root().join(format!("target/callgrind-{}.out", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--collect-atstart=no"]);
    valgrind.arg(format!("--toggle-collect=*{COUNTED}*")).arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(test).args(["--exact", TEST, "--test-threads=1", "--quiet"]);
    run(talking_to_stderr(valgrind))?;
    let profile = fs::read_to_string(&out).with_context(|| out.display().to_string())?;
    let _ = fs::remove_file(&out);
    let counts = of_profile(&profile);
    if counts.is_empty() {
        bail!("valgrind counted nothing; are the functions of `counted` still in the gateway's tests?");
    }
    Ok(counts)
}

/// Calls that the test makes.
const CALLS: u64 = 200;

/// Reads a profile of callgrind ("Callgrind Format Specification" in valgrind's manual): after `fn=` come lines of a
/// position and a cost, its own and what it called alike.
fn of_profile(profile: &str) -> Counts {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut totals = Counts::new();
    let mut step = None;
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            // A name stands at its number's first use alone.
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            let name = if name.is_empty() { names.get(number).copied().unwrap_or_default() } else { name };
            names.insert(number, name);
            if line.starts_with("fn=") {
                step = name.split_once(COUNTED).map(|(_, step)| step.split("::").next().unwrap_or(step));
            }
        } else if let Some(step) = step
            && line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            && let Some(cost) = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok())
        {
            *totals.entry(step.to_owned()).or_default() += cost;
        }
    }
    for total in totals.values_mut() {
        *total /= CALLS;
    }
    totals
}

/// `verify 1234`, a line each; what begins with `#` is for people.
fn read(text: &str) -> Result<Counts> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (step, count) = line.split_once(' ').with_context(|| format!("`{line}` is no step and its count"))?;
            Ok((step.to_owned(), count.trim().parse()?))
        })
        .collect()
}

fn written(counts: &Counts) -> String {
    let head =
        "# Instructions that the steps of a call take, counted by `cargo xtask counts`; `UPDATE=1` writes them anew.\n";
    counts.iter().fold(head.to_owned(), |text, (step, count)| format!("{text}{step} {count}\n"))
}

fn compare(expected: &Counts, found: &Counts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (step, count) in found {
        match expected.get(step) {
            None => complaints.push(format!("`{step}` is new and takes {count} instructions")),
            Some(before) if count.abs_diff(*before) > TOLERANCE.max(before * TOLERANCE_PERCENT / 100) => {
                complaints.push(format!("`{step}` takes {count} instructions, {before} are written down"));
            }
            Some(_) => {}
        }
    }
    let gone = expected.keys().filter(|step| !found.contains_key(*step));
    complaints.extend(gone.map(|step| format!("`{step}` was not counted")));
    complaints
}

#[cfg(test)]
mod tests {
    use super::{Counts, compare, of_profile, read, written};

    const PROFILE: &str = "\
version: 1
positions: line
events: Ir

fn=(1) gateway::counts::counted::verify
16 400
+2 200
cfl=(3)
cfn=(2) gateway::verified::Verified::get
calls=200 19
* 1400

fn=(2)
19 1400

fn=(4) gateway::counts::counted::settle
1 600
fn=(1)
20 400
";

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(step, count)| ((*step).to_owned(), *count)).collect()
    }

    #[test]
    fn what_a_step_calls_counts_as_its_own() {
        assert_eq!(of_profile(PROFILE), counts(&[("settle", 3), ("verify", 12)]));
    }

    #[test]
    fn what_is_written_is_read() {
        let some = counts(&[("admit", 4_000), ("verify", 12)]);
        assert_eq!(read(&written(&some)).unwrap(), some);
    }

    #[test]
    fn more_and_less_and_gone_are_told() {
        let before = counts(&[("admit", 1_000), ("route", 1_000), ("settle", 1_000), ("verify", 1_000)]);
        let now = counts(&[("admit", 1_100), ("enter", 1), ("route", 1_101), ("settle", 899)]);
        let told = compare(&before, &now);
        assert_eq!(told.len(), 4, "{told:?}");
        for (told, step) in told.iter().zip(["enter", "route", "settle", "verify"]) {
            assert!(told.contains(step), "{told}");
        }
        assert!(compare(&before, &before).is_empty());
    }
}
