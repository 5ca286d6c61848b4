//! What crosses the wire about a node as it runs: its health, and who keeps it busy.

use serde::{Deserialize, Serialize};

/// `GET /healthz`, and `GET /readyz` for whoever is no operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok` or `not ok`.
    pub status: String,
}

/// `GET /readyz` for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// `ok` or `not ok`.
    pub status: String,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that readiness looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// Whether the node is not ready without it.
    pub needed: bool,
    /// What was found.
    pub why: String,
}

/// `GET /api/v1/top?seconds=S&tenants=N`: who is busy, measured over these seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Top {
    /// Seconds that were measured.
    pub seconds: f64,
    /// Tenants that called since start.
    pub tenants_active: usize,
    /// All tenants together.
    pub all: TopLine,
    /// The busiest first.
    pub tenants: Vec<TopLine>,
}

/// What one tenant did in these seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TopLine {
    /// Its name; empty where the line is of all.
    pub tenant: String,
    /// Calls that ended, refused ones included, a second.
    pub calls_per_s: f64,
    /// Calls that were refused, a second.
    pub refused_per_s: f64,
    /// Calls that an upstream failed, a second.
    pub upstream_errors_per_s: f64,
    /// Calls being served now.
    pub calls_in_flight: u64,
    /// Streams open now.
    pub streams_open: u64,
    /// Bytes to clients, a second.
    pub bytes_out_per_s: f64,
    /// Milliseconds that a call took in the gateway itself, on average; none where no call ended.
    pub own_ms: Option<f64>,
    /// Milliseconds that a call waited for a place, on average.
    pub queue_ms: Option<f64>,
    /// Milliseconds that a call was with an upstream, on average.
    pub upstream_ms: Option<f64>,
    /// Milliseconds that calls of other tenants waited, a second, for places at upstreams that its calls had.
    pub delay_ms_per_s: f64,
}
