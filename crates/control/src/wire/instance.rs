//! What crosses the wire about instances.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/instances`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    /// The tiers of this node.
    pub tiers: Vec<Tier>,
    /// Those that run, the oldest first.
    pub instances: Vec<Instance>,
}

/// What a tier enforces on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Its word in documents.
    pub isolation: String,
    /// What holds, and by which means.
    pub holds: Vec<Held>,
    /// What does not hold, and why.
    pub missing: Vec<Held>,
}

/// One thing that a tier may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What.
    pub what: String,
    /// By which means, or why not.
    pub how: String,
}

/// `GET /api/v1/instances/{id}`: one instance. What the host does not count is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id: random, and never used again.
    pub id: String,
    /// The tenant's name; none if it serves all of them.
    pub tenant: Option<String>,
    /// The server.
    pub server: String,
    /// How it is kept apart.
    pub isolation: String,
    /// `starting`, `warm`, `frozen` or `draining`.
    pub state: String,
    /// When its start began (RFC 3339).
    pub since: String,
    /// Calls that have it.
    pub calls: u32,
    /// CPU time, in microseconds.
    pub cpu_us: Option<u64>,
    /// Memory now, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most memory it had, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub written_bytes: Option<u64>,
    /// Times it was refused a process.
    pub processes_refused: Option<u64>,
    /// Bytes in its volume.
    pub volume_bytes: Option<u64>,
    /// What is enforced for it.
    pub holds: Vec<Held>,
}

/// `POST /api/v1/instances/{id}/stop`: it ends when its calls have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Which.
    pub id: String,
}

/// `GET /api/v1/instance-logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceLog {
    /// What was said, the newest last.
    pub lines: Vec<InstanceLine>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceLine {
    /// When (RFC 3339).
    pub at: String,
    /// The instance that said it, or of which it is said.
    pub instance: String,
    /// The text.
    pub text: String,
}
