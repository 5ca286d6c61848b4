//! docs/performance.md, written by the run that it reports.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::figures::{Figures, Spread};
use super::instances::STARTS;
use super::plan::{ACTIVE, CONNECTIONS, Plan, RATE, USUAL_CONNECTIONS};
use crate::process::profile;
use crate::run::root;

/// What stands on the page before the figures.
const HEAD: &str = "\
# Performance

Written by `cargo xtask bench`, which measures all of it; do not edit by hand.

A call is a `tools/call` over HTTP/1.1 with keep-alive. nginx is Debian's, a plain reverse proxy with
[this configuration](../benches/nginx.conf): the floor of proxying, without MCP and without tokens. Partywall does all it
does for a customer: token, tenant, rules, limits, assertion, log line, two journal entries. Both stand before the same
upstream, the smallest that answers `tools/call`, and take turns within one run. Upstream, client and gateway share the
machine, so calls per second say less than CPU time: user and system time of the gateway's process by the kernel's count
(`/proc/PID/stat`), over the calls it answered. Each figure is the middle of the rounds, with least and most in brackets.
";

/// Writes the page.
pub(super) fn write(plan: &Plan, figures: &Figures) -> Result<()> {
    let mut text = HEAD.to_owned();
    machine(&mut text, plan)?;
    against_nginx(&mut text, figures)?;
    growth(&mut text, figures)?;
    refusals(&mut text, figures)?;
    instances(&mut text, figures)?;
    memory(&mut text, figures)?;
    fs::write(root().join("docs/performance.md"), text).context("docs/performance.md")
}

fn machine(text: &mut String, plan: &Plan) -> Result<()> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |line| line.1);
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kilobytes = memory.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    writeln!(text, "\n| | |\n|---|---|")?;
    writeln!(
        text,
        "| measured | {}, commit {} |",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?,
        said("git", &["rev-parse", "--short", "HEAD"])?
    )?;
    writeln!(
        text,
        "| machine | {cores} cores, {model}, {:.0} GiB; Linux {} |",
        kilobytes / 1024.0 / 1024.0,
        said("uname", &["-r"])?
    )?;
    writeln!(text, "| built with | {}, `--profile {}` |", said("rustc", &["--version"])?, profile())?;
    writeln!(
        text,
        "| command | `cargo xtask bench`: {} rounds, {} s each after {} s of warm-up |",
        plan.rounds, plan.seconds, plan.warmup_s
    )?;
    writeln!(text, "| each measurement | `partywall bench URL --tokens FILE --connections N --pid PID` |")?;
    Ok(())
}

fn against_nginx(text: &mut String, figures: &Figures) -> Result<()> {
    writeln!(
        text,
        "\n## Against nginx\n\nTokens of {ACTIVE} tenants of 1,000 in turn (RS256). Target: at most 4 × nginx at 16 and 64 connections.\n"
    )?;
    writeln!(
        text,
        "| connections | nginx, µs per call | Partywall, µs per call | ratio | nginx, calls/s | Partywall, calls/s | Partywall, p50 / p99 in µs |"
    )?;
    writeln!(text, "|---|---|---|---|---|---|---|")?;
    for connections in CONNECTIONS {
        let of = |system: &str, what: &str| figures.of(&format!("{system}, {connections}: {what}"));
        let ratio = figures.ratio(&format!("partywall, {connections}: cpu"), &format!("nginx, {connections}: cpu"));
        writeln!(
            text,
            "| {connections} | {} | {} | {} | {} | {} | {} / {} |",
            shown(of("nginx", "cpu"), 1),
            shown(of("partywall", "cpu"), 1),
            shown(ratio, 2),
            middle(of("nginx", "calls/s")),
            middle(of("partywall", "calls/s")),
            middle(of("partywall", "p50")),
            middle(of("partywall", "p99")),
        )?;
    }
    writeln!(
        text,
        "\nAt {RATE} calls per second, offered at a constant rate over 16 connections, latency from the moment at which each call\nshould have begun. Target: p50 at most 150 µs above nginx.\n"
    )?;
    writeln!(text, "| | p50, µs | p90, µs | p99, µs | p99.9, µs |\n|---|---|---|---|---|")?;
    for system in ["nginx", "partywall"] {
        let of = |quantile: &str| shown(figures.of(&format!("{system}, open: {quantile}")), 0);
        writeln!(text, "| {system} | {} | {} | {} | {} |", of("p50"), of("p90"), of("p99"), of("p99_9"))?;
    }
    let added = |quantile: &str| {
        shown(figures.difference(&format!("partywall, open: {quantile}"), &format!("nginx, open: {quantile}")), 0)
    };
    writeln!(text, "| added | {} | {} | {} | {} |", added("p50"), added("p90"), added("p99"), added("p99_9"))?;
    Ok(())
}

fn growth(text: &mut String, figures: &Figures) -> Result<()> {
    writeln!(
        text,
        "\n## By number of tenants\n\n{USUAL_CONNECTIONS} connections. Target: at most 1.2 × from 1 to 10,000 to 100,000.\n"
    )?;
    writeln!(text, "| tenants | µs per call | to 1 tenant |\n|---|---|---|")?;
    for name in ["1 tenant", "10,000 tenants, 100 active", "100,000 tenants, 100 active", "10,000 tenants, all active"]
    {
        let ratio = figures.ratio(&format!("{name}: cpu"), "1 tenant: cpu");
        writeln!(text, "| {name} | {} | {} |", shown(figures.of(&format!("{name}: cpu")), 1), shown(ratio, 2))?;
    }
    Ok(())
}

/// The calls of that table.
const REFUSALS: [&str; 4] = ["served", "over the limit", "not granted", "bad token"];

fn refusals(text: &mut String, figures: &Figures) -> Result<()> {
    writeln!(
        text,
        "\n## Refusals\n\n{USUAL_CONNECTIONS} connections. Target: at most half of a served call. What is over the limit is over that of a \
         tool,\nin tenants that may call so often that no answer waits. The bad token is forged, and its address soon over the\n\
         failures it may have.\n"
    )?;
    writeln!(text, "| call | µs per call | to a served one |\n|---|---|---|")?;
    for name in REFUSALS {
        let ratio = figures.ratio(&format!("{name}: cpu"), "served: cpu");
        writeln!(text, "| {name} | {} | {} |", shown(figures.of(&format!("{name}: cpu")), 1), shown(ratio, 2))?;
    }
    Ok(())
}

fn instances(text: &mut String, figures: &Figures) -> Result<()> {
    writeln!(
        text,
        "\n## Instances\n\nThe server is a native program of 10 MB that speaks MCP on stdio. {STARTS} tenants call it for the first time, one \
         after the\nother: each call starts an instance in a box of its own. In turn with them the bare program is started, from its start to\n\
         the same answer; 50 ms pass before each. Target: at most 10 ms over the bare start at the median, 25 ms at the 99th percentile.\n"
    )?;
    writeln!(text, "| | p50, ms | p99, ms |\n|---|---|---|")?;
    let names = ["first call", "bare start"];
    for name in names {
        let of = |quantile: &str| shown(figures.of(&format!("{name}: {quantile}")), 1);
        writeln!(text, "| {name} | {} | {} |", of("p50"), of("p99"))?;
    }
    let over = |quantile: &str| {
        let [first, bare] = names.map(|name| format!("{name}: {quantile}"));
        shown(figures.difference(&first, &bare), 1)
    };
    writeln!(text, "| over it | {} | {} |", over("p50"), over("p99"))?;
    writeln!(
        text,
        "\nOnce it is warm, over 16 connections of one tenant; the gateway's own CPU time. Target: at most 1.5 × a shared call.\n"
    )?;
    writeln!(text, "| call | µs per call | to a shared one |\n|---|---|---|")?;
    for (name, shown_as) in [("shared", "shared, over HTTP"), ("own", "of an instance, on stdio")] {
        let ratio = figures.ratio(&format!("{name}: cpu"), "shared: cpu");
        writeln!(text, "| {shown_as} | {} | {} |", shown(figures.of(&format!("{name}: cpu")), 1), shown(ratio, 2))?;
    }
    Ok(())
}

fn memory(text: &mut String, figures: &Figures) -> Result<()> {
    writeln!(
        text,
        "\n## Memory and start\n\nResident memory after a start, unless it says otherwise. Targets: 15 MB idle, 25 MB with 1,000 tenants, 250 MB with\n100,000; the first call answered 100 ms after a start with 1,000 tenants.\n"
    )?;
    writeln!(text, "| | |\n|---|---|")?;
    for name in [
        "resident, idle",
        "resident, 1,000 tenants",
        "resident, 1,000 tenants, after the load",
        "resident, 10,000 tenants, all active",
        "resident, 100,000 tenants",
    ] {
        writeln!(text, "| {name} | {} MB |", shown(figures.of(name), 1))?;
    }
    for tenants in ["1", "1000", "10000", "100000"] {
        let name = format!("start, {tenants} tenants");
        writeln!(
            text,
            "| from start to the first answered call, {tenants} tenants | {} ms |",
            shown(figures.of(&name), 0)
        )?;
    }
    Ok(())
}

fn shown(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        None => "–".to_owned(),
        Some(Spread { least, middle, most }) if (most - least).abs() < f64::EPSILON => format!("{middle:.digits$}"),
        Some(Spread { least, middle, most }) => format!("{middle:.digits$} ({least:.digits$}–{most:.digits$})"),
    }
}

fn middle(spread: Option<Spread>) -> String {
    spread.map_or("–".to_owned(), |spread| format!("{:.0}", spread.middle))
}

/// What a program says, in one line.
fn said(program: &str, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(program).args(arguments).current_dir(root()).output().with_context(|| program.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
