//! What the control plane asks of the process that it runs in, to show it. Whoever wires the process knows.

/// What the process knows of itself.
pub trait Vitals: Send + Sync {
    /// Whether it is about to stop: no new connections, what is open ends.
    fn draining(&self) -> bool;

    /// Log lines that found no place in the queue since start.
    fn log_lines_dropped(&self) -> u64;

    /// Spans of calls that a collector took since start.
    fn spans_sent(&self) -> u64;

    /// Spans that found no place or could not be sent.
    fn spans_dropped(&self) -> u64;

    /// What it uses now.
    fn process(&self) -> Process;
}

/// What a process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Seconds of CPU time since start, user and system.
    pub cpu_seconds: f64,
    /// Bytes of memory that are resident.
    pub resident_bytes: u64,
    /// File descriptors open.
    pub fds_open: u64,
    /// File descriptors that may be open.
    pub fds_max: u64,
    /// When it started, in seconds since the Unix epoch.
    pub started_s: f64,
}
