//! The official conformance suite, run against a server that is already up.
//!
//! It judges by the suite's own verdict on a frozen set of requirements, and is stricter in one thing: scenarios that the
//! suite runs without scoring must pass too, except those of extensions. It starts no server and sends no token.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::tools::Tools;

/// How the names of scenarios begin that test an extension; our fixture offers none of them.
const EXTENSIONS: [&str; 2] = ["tasks-", "sep-2640-skills-"];

/// What one run of the suite found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Every scenario that ran, in the suite's order.
    pub(crate) scenarios: Vec<Scenario>,
    /// Scenarios that failed and may not.
    pub(crate) unexpected: Vec<String>,
    /// Entries of the baseline that pass by now, and have to go.
    pub(crate) stale: Vec<String>,
}

/// One scenario and its checks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

/// Runs all that `requirements` (`2025-11-25` or `2026-07-28`) asks of a server, against the MCP endpoint `url`.
/// `baseline` lists what may fail; the suite's output and its details go to the directory `out`, emptied first.
pub(crate) fn run(tools: &Tools, url: &str, requirements: &str, baseline: &Path, out: &Path) -> Result<Report> {
    let expected =
        fs::read_to_string(baseline).with_context(|| format!("cannot read the baseline `{}`", baseline.display()))?;
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot empty `{}`", out.display()))?;
    }
    fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;

    let mut suite = Command::new(&tools.node);
    suite.arg(tools.modules.join("@modelcontextprotocol/conformance/dist/index.js"));
    suite.args(["server", "--url", url, "--requirements", requirements]);
    suite.arg("--expected-failures").arg(baseline).arg("--output-dir").arg(out);
    let output = suite.stdin(Stdio::null()).output().context("the conformance suite does not start")?;
    let log = out.join("suite.log");
    fs::write(&log, [output.stdout.as_slice(), &output.stderr].concat())?;

    let report = read(&String::from_utf8_lossy(&output.stdout), &expected);
    ensure!(!report.scenarios.is_empty(), "the suite ran nothing; see `{}`", log.display());
    // The parts that were read must add up to the suite's verdict, or its output reads differently by now.
    ensure!(
        output.status.success() || !report.is_clean(),
        "the suite ended with {}, and its output does not say why; see `{}`",
        output.status,
        log.display()
    );
    Ok(report)
}

impl Report {
    /// Whether nothing failed that may not, and nothing may fail that does not.
    pub(crate) fn is_clean(&self) -> bool {
        self.unexpected.is_empty() && self.stale.is_empty()
    }

    /// Checks that passed, over all scenarios that count.
    pub(crate) fn passed(&self) -> usize {
        self.counted().map(|scenario| scenario.passed).sum()
    }

    /// Checks that failed, over all scenarios that count.
    pub(crate) fn failed(&self) -> usize {
        self.counted().map(|scenario| scenario.failed).sum()
    }

    fn counted(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|scenario| !is_extension(&scenario.name))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenarios = self.counted().count();
        write!(out, "{scenarios} scenarios, {} checks passed, {} failed", self.passed(), self.failed())?;
        for name in &self.unexpected {
            write!(out, "\n  `{name}` fails and is not in the baseline")?;
        }
        for name in &self.stale {
            write!(out, "\n  `{name}` passes: remove it from the baseline")?;
        }
        Ok(())
    }
}

/// Reads the suite's summary: a line for each scenario, then headed lists of what is unexpected and what is stale.
fn read(output: &str, baseline: &str) -> Report {
    let mut report = Report::default();
    let mut heading = "";
    let summary = output.lines().skip_while(|line| !line.contains("=== SUMMARY ==="));
    for line in summary {
        let Some((_, name)) = line.trim_start().split_once(['✓', '✗']).filter(|(before, _)| before.is_empty())
        else {
            heading = if line.trim().is_empty() { heading } else { line };
            continue;
        };
        if let Some(scenario) = scenario(name.trim()) {
            report.scenarios.push(scenario);
        } else if heading.contains("Unexpected failures") {
            report.unexpected.push(name.trim().to_owned());
        } else if heading.contains("Stale baseline entries") {
            report.stale.push(name.trim().to_owned());
        }
    }
    let unscored = unscored(&report, baseline);
    report.unexpected.extend(unscored);
    report
}

/// Failures that the suite lets pass because it does not score them, and we do.
fn unscored(report: &Report, baseline: &str) -> Vec<String> {
    let failed = report.scenarios.iter().filter(|scenario| scenario.failed > 0).map(|scenario| &scenario.name);
    let failed = failed.filter(|name| !is_extension(name) && !may_fail(baseline, name));
    failed.filter(|name| !report.unexpected.contains(name)).cloned().collect()
}

/// `ping: 2 passed, 0 failed`
fn scenario(line: &str) -> Option<Scenario> {
    let (name, counts) = line.split_once(": ")?;
    let (passed, failed) = counts.split_once(" passed, ")?;
    let failed = failed.strip_suffix(" failed")?;
    Some(Scenario { name: name.to_owned(), passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

fn is_extension(name: &str) -> bool {
    EXTENSIONS.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the baseline has the scenario (`- scenario`) or single checks of it (`- scenario:check`).
fn may_fail(baseline: &str, name: &str) -> bool {
    let mut entries = baseline.lines().filter_map(|line| line.trim().strip_prefix("- ")?.strip_prefix(name));
    entries.any(|rest| rest.is_empty() || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::{Scenario, read};

    const SUMMARY: &str = "\
=== Running scenario: ping ===

=== SUMMARY ===
✓ ping: 2 passed, 0 failed
✗ tools-list: 1 passed, 1 failed
✗ http-header-validation: 13 passed, 1 failed
✗ tasks-lifecycle: 1 passed, 8 failed
✓ caching: 8 passed, 0 failed

Total: 25 passed, 10 failed

\u{1b}[31mStale baseline entries (now passing - remove from baseline):\u{1b}[0m
  ✓ caching

\u{1b}[31mUnexpected failures (not in baseline):\u{1b}[0m
  ✗ tools-list

\u{1b}[31mUnexpected failures detected: these are not in your expected-failures baseline.\u{1b}[0m
";

    #[test]
    fn the_summary_is_read() {
        let report = read(SUMMARY, "server:\n  - caching\n");
        assert_eq!(report.scenarios.len(), 5);
        assert_eq!(report.scenarios[1], Scenario { name: "tools-list".into(), passed: 1, failed: 1 });
        assert_eq!(report.stale, ["caching"]);
        assert_eq!((report.passed(), report.failed()), (24, 2), "an extension does not count");
        assert!(!report.is_clean());
    }

    #[test]
    fn what_the_suite_does_not_score_must_pass_unless_the_baseline_says_so() {
        let report = read(SUMMARY, "server: []\n");
        assert_eq!(report.unexpected, ["tools-list", "http-header-validation"]);
        let report = read(SUMMARY, "server:\n  - http-header-validation\n");
        assert_eq!(report.unexpected, ["tools-list"]);
        let report = read(SUMMARY, "server:\n  - http-header-validation:some-check\n");
        assert_eq!(report.unexpected, ["tools-list"]);
    }
}
