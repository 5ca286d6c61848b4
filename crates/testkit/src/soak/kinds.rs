//! What each kind of hostile peer costs: the gateway's time and memory, one kind after the other, with nothing beside it.
//! It says which kind to look at when a soak goes wrong.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::Options;
use super::gateway::Gateway;
use super::hostility::{Kind, kinds};
use super::memory::resident_mib;
use crate::hostile::{Target, Upstream};

/// Peers of one kind, at once.
const AT_ONCE: usize = 4;
/// How long they may go on: whoever is slow does nothing else afterwards either.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What the gateway may take to get over them before its memory is read.
const REST: Duration = Duration::from_millis(200);
/// Clock ticks a second in `/proc/PID/stat`: the same on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Tries all of them; a table.
pub async fn costs(options: &Options) -> Result<String> {
    let upstream = Upstream::start().await?;
    let gateway = Gateway::start(options).await?;
    let scene = gateway.furnish(upstream, options)?;
    let mut table = format!("{:>8} {:>8} {:>7} {:>9} {:>9}  kind\n", "gateway", "peers", "lasts", "most", "left");
    for kind in kinds() {
        writeln!(table, "{}", cost(kind, &scene.hostile, gateway.pid()).await?)?;
    }
    gateway.close().await?;
    Ok(table)
}

/// A line: milliseconds of processor that one peer costs the gateway and costs us, seconds that it takes, and megabytes
/// that all of them take at most and leave behind.
async fn cost(kind: Kind, targets: &[Target], pid: u32) -> Result<String> {
    let us = std::process::id();
    let memory = || resident_mib(pid).context("the gateway is gone");
    let (before, theirs, ours) = (memory()?, processor_ms(pid)?, processor_ms(us)?);
    let since = Instant::now();
    let mut peers = JoinSet::new();
    for target in targets.iter().cycle().take(AT_ONCE) {
        let target = target.clone();
        peers.spawn(async move { tokio::time::timeout(PATIENCE, kind.act(&target)).await });
    }
    let mut most = before;
    while !peers.is_empty() {
        let _ = tokio::time::timeout(LOOK_EVERY, peers.join_next()).await;
        most = most.max(memory()?);
    }
    let took = since.elapsed().as_secs_f64();
    tokio::time::sleep(REST).await;
    let each = |ms: f64| ms / f64::from(u8::try_from(AT_ONCE).unwrap_or(u8::MAX));
    Ok(format!(
        "{:>8.1} {:>8.1} {took:>7.2} {:>+9.2} {:>+9.2}  {}",
        each(processor_ms(pid)? - theirs),
        each(processor_ms(us)? - ours),
        most - before,
        memory()? - before,
        kind.name(),
    ))
}

/// User and system time of a process.
fn processor_ms(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after_name) = stat.rsplit_once(')').context("`stat` reads differently")?;
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks * 1000.0 / TICKS_PER_SECOND)
}
