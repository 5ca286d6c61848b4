//! `partywall bench`: how fast an MCP endpoint answers, and what a call costs the process behind it.
//!
//! A closed loop keeps every connection busy. An open loop offers a constant rate and takes each latency from the moment
//! at which the call should have begun, so that an endpoint that stalls is charged for the calls that had to wait.
//! It judges nothing: what the figures should be, whoever asks for them knows.

mod cpu;
mod pace;
mod plan;
mod prepared;
mod record;
mod report;
mod tokens;
mod wire;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::task::JoinSet;

use super::{Output, lifetime};
use cpu::Meter;
use pace::Pace;
use plan::Plan;
use record::Recorder;
use report::Report;
use worker::Worker;

/// Connections at most. Default 10,000: what the gateway serves at once.
const CONNECTIONS_MAX: u64 = 10_000;
/// Calls per second at most in an open loop. Default 1,000,000: beyond what this program could send.
const RATE_MAX: u64 = 1_000_000;

/// The arguments of `partywall bench`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The MCP endpoint to call
    url: String,
    /// Read bearer tokens from this file, one a line, or from stdin with `-`; calls use them in turn
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["data", "tenants"])]
    tokens: Option<String>,
    /// The data folder of a demo, whose development issuer makes the tokens
    #[arg(long, value_name = "DIR", requires = "tenants")]
    data: Option<PathBuf>,
    /// With --data: a token for each of these tenants
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "data")]
    tenants: Vec<String>,
    /// The tool to call
    #[arg(long, value_name = "NAME", default_value = "echo")]
    tool: String,
    /// The tool's arguments
    #[arg(long = "arguments", value_name = "JSON", default_value = r#"{"text":"hello"}"#)]
    with: String,
    /// The era of MCP that the calls speak
    #[arg(long, value_enum, default_value_t = Eras::Modern)]
    era: Eras,
    /// Connections, each with one call at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    connections: u64,
    /// Offer this many calls per second (open loop); without it each connection calls as fast as it is answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=RATE_MAX))]
    rate: Option<u64>,
    /// How long to measure: 10s, 5m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = lifetime)]
    duration: Duration,
    /// How long to call before that without measuring
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = lifetime)]
    warmup: Duration,
    /// How long one call may take before it counts as failed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = lifetime)]
    timeout: Duration,
    /// Measure the CPU time that this process uses; several, if the server is several
    #[arg(long = "pid", value_name = "PID")]
    pids: Vec<u32>,
    #[command(flatten)]
    output: Output,
}

/// Which eras the calls speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Eras {
    /// 2026-07-28, without a handshake
    Modern,
    /// 2025-11-25, in a session for each token
    Legacy,
    /// Both in turn
    Both,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tokens = tokens::read(arguments.tokens.as_deref(), arguments.data.as_deref(), &arguments.tenants)?;
    let meter = Meter::new(&arguments.pids)?;
    eprintln!("preparing: {} tokens, {} connections", tokens.len(), arguments.connections);
    let plan = Arc::new(Plan::prepare(&arguments, &tokens).await?);
    let recorder = Arc::new(Recorder::default());
    let pace = Arc::new(Pace::start(arguments.rate, arguments.warmup, arguments.duration)?);
    let mut workers = JoinSet::new();
    for _ in 0..arguments.connections {
        workers.spawn(Worker::new(&plan, &pace, &recorder).run());
    }
    tokio::time::sleep_until(pace.measured_from().into()).await;
    let before = meter.used()?;
    watch(&pace, &recorder).await;
    let cpu = meter.used()?.map(|after| after.saturating_sub(before.unwrap_or_default()));
    pace.finish(&recorder);
    while workers.join_next().await.is_some() {}
    Report::new(&arguments, &plan, &recorder, cpu).print(arguments.output.output)?;
    Ok(ExitCode::SUCCESS)
}

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Waits for the end of the measurement and says on stderr how far it is.
async fn watch(pace: &Pace, recorder: &Recorder) {
    loop {
        let now = std::time::Instant::now();
        let next = (now + TOLD_EVERY).min(pace.until());
        tokio::time::sleep_until(next.into()).await;
        if next == pace.until() {
            return;
        }
        let (answered, failed) = recorder.counts();
        let left = pace.until().saturating_duration_since(next).as_secs();
        eprintln!("measuring: {answered} answered, {failed} failed, {left} s left");
    }
}
