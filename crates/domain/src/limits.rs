//! Limits: each has a name, a unit and a default that carries its reason.

/// What a tenant may use at once and per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls per second, sustained (GCRA). Default 50: ten busy agents at five calls a second.
    pub calls_per_second: u32,
    /// Calls that may come at once after a pause. Default 100: two seconds' worth, an agent's fan-out.
    pub calls_burst: u32,
    /// Calls per second of one user, who is an issuer and a subject; twice as many at once. Default 1,000,000: as many as the
    /// tenant may, since how many users share it nobody else knows.
    pub subject_calls_per_second: u32,
    /// Calls being served at the same time. Default 16: beyond it a tenant mostly queues behind itself.
    pub calls_in_flight_max: u32,
    /// Lists per second, sustained. Default 10: clients ask when they begin and when something has changed.
    pub lists_per_second: u32,
    /// Lists that may come at once after a pause. Default 100: the four lists of 25 clients that begin together.
    pub lists_burst: u32,
    /// Handshakes (`initialize`, `ping`, the end of a session) per second, sustained. Default 10: a client needs one or
    /// two.
    pub handshakes_per_second: u32,
    /// Handshakes that may come at once after a pause. Default 100: an office whose network is back.
    pub handshakes_burst: u32,
    /// Legacy sessions opened and not ended. Default 10,000: seven agents that open one a minute, day and night, and end
    /// none, since one that nobody ends counts for a day.
    pub sessions_open_max: u32,
    /// Long-lived streams (legacy GET, `subscriptions/listen`) open at the same time. Default 32: one per open client.
    pub streams_open_max: u32,
    /// Bytes of request bodies held at the same time. Default 64 MiB: sixteen calls of the longest body that servers
    /// take by default.
    pub bodies_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_per_second: 50,
            calls_burst: 100,
            subject_calls_per_second: 1_000_000,
            calls_in_flight_max: 16,
            lists_per_second: 10,
            lists_burst: 100,
            handshakes_per_second: 10,
            handshakes_burst: 100,
            sessions_open_max: 10_000,
            streams_open_max: 32,
            bodies_bytes_max: 64 << 20,
        }
    }
}

/// What the tools that a pattern names may use together, of one tenant at one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolLimits {
    /// Calls per second, sustained, and how many may come at once; none: only the tenant's own limit counts.
    pub rate: Option<(u32, u32)>,
    /// Calls being served at the same time; none: only the tenant's own limit counts.
    pub calls_in_flight_max: Option<u32>,
}

/// What one server's exchanges may use, for every tenant alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Bytes of a request body. Default 4 MiB: what the reference SDK's servers accept.
    pub request_bytes_max: u64,
    /// Bytes of one message that must be held whole because it is filtered (a list). Default 8 MiB.
    pub filtered_bytes_max: u64,
    /// Bytes of one answer. Default 64 MiB: a picture or a recording fits, and a server that never ends is cut off.
    pub reply_bytes_max: u64,
    /// Calls of all tenants being served at the same time; beyond it they wait in turn. Default 1,024: the descriptors that
    /// a process commonly has, beyond which a server fails for everybody.
    pub calls_in_flight_max: u32,
    /// Calls of one tenant that may wait for their turn. Default 16: as many as it may have in flight.
    pub queue_length_max: u32,
    /// Milliseconds that a call may wait for its turn. Default 10,000: of a client's usual minute, the server needs the
    /// rest.
    pub queue_timeout_ms: u64,
    /// Milliseconds until the server must have begun to answer. Default 60,000: the usual timeout of clients.
    pub answer_timeout_ms: u64,
    /// Seconds for which what the server said of itself is taken as true. Default 60.
    pub discover_ttl_s: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 4 << 20,
            filtered_bytes_max: 8 << 20,
            reply_bytes_max: 64 << 20,
            calls_in_flight_max: 1_024,
            queue_length_max: 16,
            queue_timeout_ms: 10_000,
            answer_timeout_ms: 60_000,
            discover_ttl_s: 60,
        }
    }
}
