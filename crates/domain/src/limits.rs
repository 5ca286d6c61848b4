//! Limits: each has a name, a unit and a default that carries its reason.

/// What a tenant may use at once and per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls per second, sustained (GCRA). Default 50: ten busy agents at five calls a second.
    pub calls_per_second: u32,
    /// Calls that may come at once after a pause. Default 100: two seconds' worth, an agent's fan-out.
    pub calls_burst: u32,
    /// Calls being served at the same time. Default 16: beyond it a tenant mostly queues behind itself.
    pub calls_in_flight_max: u32,
    /// Long-lived streams (legacy GET, `subscriptions/listen`) open at the same time. Default 32: one per open client.
    pub streams_open_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_per_second: 50, calls_burst: 100, calls_in_flight_max: 16, streams_open_max: 32 }
    }
}

/// What one server's exchanges may use, for every tenant alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request body. Default 4 MiB: what the reference SDK's servers accept.
    pub request_bytes_max: u64,
    /// Bytes of one message that must be held whole because it is filtered (a list). Default 8 MiB.
    pub filtered_bytes_max: u64,
    /// Milliseconds until the server must have begun to answer. Default 60,000: the usual timeout of clients.
    pub answer_timeout_ms: u64,
    /// Seconds for which what the server said of itself is taken as true. Default 60.
    pub discover_ttl_s: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { request_bytes_max: 4 << 20, filtered_bytes_max: 8 << 20, answer_timeout_ms: 60_000, discover_ttl_s: 60 }
    }
}
