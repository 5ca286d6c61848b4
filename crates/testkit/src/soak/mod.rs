//! A gateway under load for a long time, with hostile peers mixed in, and the books of all of it: every answer is held
//! against its question, every call against the journal and the log, and the memory against itself.
//!
//! It starts the real binary, and everything else is in this process: the honest clients, the rude ones, the upstream.

mod books;
mod gateway;
mod hostility;
mod kinds;
mod load;
mod memory;
mod report;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::hostile::{Target, Upstream};
use gateway::Gateway;
use hostility::Hostility;
use load::{Load, Tenant};
use memory::Memory;

pub use kinds::costs;
pub use report::Report;

/// What to do, and how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// The binary under test.
    pub partywall: PathBuf,
    /// Where its log lines go once they are counted.
    pub log_file: Option<PathBuf>,
    /// How long the load goes on.
    pub duration: Duration,
    /// Honest calls a second; none: 60 % of what was found to saturate.
    pub rate: Option<f64>,
    /// Honest clients, each with a connection of its own and one call at a time.
    pub clients: usize,
    /// Hostile peers at a time.
    pub hostile: usize,
    /// Honest tenants.
    pub tenants: usize,
}

/// How much of what saturates is asked for.
const SHARE: f64 = 0.6;
/// How long it is found out what saturates.
const SATURATING: Duration = Duration::from_secs(10);

/// Everything that runs against one gateway.
struct Scene {
    address: SocketAddr,
    host: String,
    honest: Arc<Vec<Tenant>>,
    hostile: Vec<Target>,
    upstream: Upstream,
}

/// Runs it.
pub async fn run(options: &Options) -> Result<Report> {
    let upstream = Upstream::start().await?;
    let gateway = Gateway::start(options).await?;
    let scene = gateway.furnish(upstream, options)?;
    let memory = Memory::watch(gateway.pid());
    let load = Load::new(&scene, options.clients);
    let (saturation, rate) = if let Some(rate) = options.rate {
        (None, rate)
    } else {
        let saturation = load.saturate(SATURATING).await;
        (Some(saturation), saturation * SHARE)
    };
    let over = Arc::new(AtomicBool::new(false));
    let hostility = Hostility::begin(&scene.hostile, options.hostile, &over);
    let began = Instant::now();
    memory.begin();
    let before = load.counts().answered;
    load.go_on(rate, options.duration).await;
    let answered_under_load = load.counts().answered - before;
    let took = began.elapsed();
    over.store(true, Ordering::Relaxed);
    let memory = memory.end();
    let hostile = hostility.end().await;
    let books = gateway.close().await?;
    drop(scene.upstream);
    let (tenants, clients, honest) = (options.tenants, options.clients, load.counts());
    Ok(Report { saturation, rate, took, tenants, clients, honest, answered_under_load, hostile, books, memory })
}
