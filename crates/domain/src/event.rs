//! The closed list of events that a log line may carry in its `event` field.
//!
//! A line written while serving a tenant carries `tenant_id`, `request_id` and `trace_id` beside it, one of a tenant's
//! instance its `tenant_id`; any other line
//! carries `tenant_id: null` and must be one of these. A test reads every line that the whole suite emitted.

/// Those of an instance: lines of a tenant, and of no one request.
pub const OF_INSTANCES: [&str; 5] =
    [INSTANCE_SAID, INSTANCE_UNHEARD, INSTANCE_READY, INSTANCE_ENDED, INSTANCE_NOT_KEPT];

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
        /// Every event there is.
        pub const ALL: &[&str] = &[$($text),*];
    };
}

events! {
    /// A tenant's call ended; one line per call.
    CALL = "call";
    /// A request was refused before a tenant was known.
    STRANGER = "stranger_refused";
    /// A connection could not be served (TLS, HTTP syntax, timeout).
    CONNECTION = "connection_failed";
    /// The process listens and is ready.
    READY = "ready";
    /// The process was asked to stop and drains.
    DRAINING = "draining";
    /// The process has stopped.
    STOPPED = "stopped";
    /// A new configuration is enforced on this node.
    ENFORCED = "revision_enforced";
    /// A new configuration could not be taken; the old one stands.
    NOT_ENFORCED = "revision_rejected";
    /// An operator did something on the admin listener.
    ADMIN = "admin";
    /// A request on the admin listener was refused.
    ADMIN_REFUSED = "admin_refused";
    /// What an upstream says of itself could not be read again, or not be kept; what it said before stands.
    PROBED = "upstream_probed";
    /// An issuer's keys were fetched.
    KEYS_FETCHED = "issuer_keys_fetched";
    /// An issuer's keys could not be fetched; the last good ones stand for a while.
    KEYS_UNAVAILABLE = "issuer_keys_unavailable";
    /// The journal was recovered: calls without an end were closed.
    RECOVERED = "journal_recovered";
    /// An instance wrote a line beside the protocol.
    INSTANCE_SAID = "instance_said";
    /// An instance said what nobody can be told, or more than is read of it; the line has the counts.
    INSTANCE_UNHEARD = "instance_unheard";
    /// An instance that is to be kept warm did not start; it is tried again.
    INSTANCE_NOT_KEPT = "instance_not_kept_warm";
    /// An instance was started and answers.
    INSTANCE_READY = "instance_ready";
    /// An instance ended; the line says why, and what it used.
    INSTANCE_ENDED = "instance_ended";
    /// Instances that a crashed gateway left behind were ended.
    ORPHANS_ENDED = "orphans_ended";
    /// A line was written by a library.
    LIBRARY = "library";
    /// The listener's certificate was renewed, or could not be.
    CERTIFICATE = "certificate_renewed";
    /// Something was dropped; the line carries the count.
    DROPPED = "dropped";
}
