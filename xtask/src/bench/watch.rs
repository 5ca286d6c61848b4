//! What the kernel says of processes.

use std::fs;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::Process;

/// How long a server may take until it listens. Default 60 s: 100,000 tenants on a slow machine.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// Waits until somebody listens on `address`.
pub(super) fn until_listening(address: &str, process: &mut Process) -> Result<()> {
    let since = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(!process.has_ended(), "what should listen on {address} has ended; its message stands above");
        ensure!(since.elapsed() < READY_TIMEOUT, "nobody listens on {address}");
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A process and those that it started.
pub(super) fn with_children(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(&path).with_context(|| path.clone())?;
    Ok([Ok(pid)].into_iter().chain(children.split_whitespace().map(str::parse)).collect::<Result<_, _>>()?)
}

/// Resident memory of a process, in MB of 1,000,000 bytes.
pub(super) fn resident_mb(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let Some(kilobytes) = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()) else {
        bail!("`{path}` has no VmRSS");
    };
    Ok(kilobytes * 1_024.0 / 1e6)
}
