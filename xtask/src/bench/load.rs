//! Load: `partywall bench` against one system at a time, and what of its report is taken down.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::figures::Figures;
use super::nginx::Nginx;
use super::plan::{ACTIVE, ALL_ACTIVE, ALL_ACTIVE_WARMUP_S, CONNECTIONS, Plan, RATE, USUAL_CONNECTIONS};
use super::world::World;
use crate::process::measured;

/// nginx and Partywall in turn, at each number of connections, then at a constant rate.
pub(super) fn against_nginx(plan: &Plan, nginx: &Nginx, world: &World, figures: &mut Figures) -> Result<()> {
    let tokens = world.tokens(ACTIVE)?.display().to_string();
    let systems = [("nginx", nginx.url.clone(), nginx.pids()?), ("partywall", world.url(), vec![world.pid()])];
    for connections in CONNECTIONS {
        for (name, url, pids) in &systems {
            let report = bench(plan, &[url, "--tokens", &tokens, "--connections", &connections.to_string()], pids)?;
            none_failed(&report)?;
            figures.note(&format!("{name}, {connections}: cpu"), number(&report, "/cpu/us_per_call")?);
            figures.note(&format!("{name}, {connections}: calls/s"), number(&report, "/answered_per_second")?);
            figures.note(&format!("{name}, {connections}: p50"), number(&report, "/latency_us/p50")?);
            figures.note(&format!("{name}, {connections}: p99"), number(&report, "/latency_us/p99")?);
        }
    }
    for (name, url, pids) in &systems {
        let rate = RATE.to_string();
        let report = bench(plan, &[url, "--tokens", &tokens, "--rate", &rate, "--connections", "16"], pids)?;
        none_failed(&report)?;
        for quantile in ["p50", "p90", "p99", "p99_9"] {
            figures.note(&format!("{name}, open: {quantile}"), number(&report, &format!("/latency_us/{quantile}"))?);
        }
    }
    Ok(())
}

/// Calls over the limit, calls of a tool that is not granted and calls with a bad token, beside served ones.
pub(super) fn refusals(plan: &Plan, world: &World, figures: &mut Figures) -> Result<()> {
    let connections = USUAL_CONNECTIONS.to_string();
    let served = world.tokens(ACTIVE)?.display().to_string();
    let throttled = world.throttled_tokens()?.display().to_string();
    let forged = world.forged_token()?.display().to_string();
    for (name, tokens, tool) in [
        ("served", &served, "echo"),
        ("over the limit", &throttled, "echo"),
        ("not granted", &served, "delete_all"),
        ("bad token", &forged, "echo"),
    ] {
        let url = world.url();
        let report =
            bench(plan, &[&url, "--tokens", tokens, "--connections", &connections, "--tool", tool], &[world.pid()])?;
        if name == "served" {
            none_failed(&report)?;
        } else {
            ensure!(number(&report, "/failed")? > 10.0 * number(&report, "/answered")?, "{name}: {report}");
        }
        figures.note(&format!("{name}: cpu"), number(&report, "/cpu/us_per_call")?);
    }
    Ok(())
}

/// The same load on gateways with 1, 10,000 and 100,000 tenants, and on the second with all of them calling.
pub(super) fn growth(plan: &Plan, worlds: [&World; 3], figures: &mut Figures) -> Result<()> {
    let [one, many, most] = worlds;
    for (name, world, active) in [
        ("1 tenant", one, 1),
        ("10,000 tenants, 100 active", many, ACTIVE),
        ("100,000 tenants, 100 active", most, ACTIVE),
        ("10,000 tenants, all active", many, ALL_ACTIVE),
    ] {
        let tokens = world.tokens(active)?.display().to_string();
        let connections = USUAL_CONNECTIONS.to_string();
        let longer = Plan { warmup_s: ALL_ACTIVE_WARMUP_S, ..*plan };
        let plan = if active == ALL_ACTIVE { &longer } else { plan };
        let report = bench(plan, &[&world.url(), "--tokens", &tokens, "--connections", &connections], &[world.pid()])?;
        none_failed(&report)?;
        figures.note(&format!("{name}: cpu"), number(&report, "/cpu/us_per_call")?);
    }
    Ok(())
}

/// CPU time of the gateway for a call of one tenant, in microseconds.
pub(super) fn cpu_per_call(plan: &Plan, world: &World, server: &str) -> Result<f64> {
    let token = world.tokens(1)?.display().to_string();
    let report = bench(plan, &[&world.url_of(server), "--tokens", &token, "--connections", "16"], &[world.pid()])?;
    none_failed(&report)?;
    number(&report, "/cpu/us_per_call")
}

/// Runs `partywall bench` and reads its report.
fn bench(plan: &Plan, arguments: &[&str], pids: &[u32]) -> Result<Value> {
    let mut bench = measured("partywall");
    bench.arg("bench").args(arguments).args(["--output", "json"]);
    bench.args(["--duration", &format!("{}s", plan.seconds), "--warmup", &format!("{}s", plan.warmup_s)]);
    bench.args(pids.iter().map(|pid| format!("--pid={pid}")));
    let output = bench.output().context("`partywall bench` does not start")?;
    ensure!(output.status.success(), "{bench:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn number(report: &Value, pointer: &str) -> Result<f64> {
    report.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("the report has no `{pointer}`"))
}

/// A measurement with failures measures something else.
fn none_failed(report: &Value) -> Result<()> {
    ensure!(number(report, "/failed")? == 0.0 && number(report, "/answered")? > 0.0, "calls failed: {report}");
    Ok(())
}
