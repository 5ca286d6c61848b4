//! A limit as a client is told of it: what there is, what is left, when to come again.

use partywall_domain::RefusalCode;

use crate::gcra::Rate;
use crate::settlement::Settlement;

/// What a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// So many at once after a pause, and a rate.
    Rate(Rate),
    /// So many at the same time.
    Concurrent(u32),
    /// So many bytes at the same time.
    Bytes(u32),
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What clients know it by.
    pub name: &'static str,
    /// The field by which operators set it.
    pub field: &'static str,
    /// What it allows.
    pub quota: Quota,
}

/// How a caller stands with the rate that its request counted against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit.
    pub policy: Policy,
    /// Requests that may come at once now.
    pub left: u32,
}

/// Refused for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Which refusal.
    pub code: RefusalCode,
    /// Milliseconds after which a call may get in, if nobody else comes first.
    pub retry_after_ms: u64,
    /// The limit.
    pub policy: Policy,
}

/// Milliseconds after which a caller over a concurrency limit should try again: there is no telling when a call
/// ends, and a second is short for people and long for a loop.
const IN_FLIGHT_RETRY_MS: u64 = 1_000;

impl Policy {
    /// Over the rate: the next one is let in after `wait_ns`.
    pub(crate) fn over_rate(self, code: RefusalCode, wait_ns: u64) -> Throttled {
        Throttled { code, retry_after_ms: wait_ns.div_ceil(1_000_000), policy: self }
    }

    /// As many as may be are there.
    pub(crate) fn full(self, code: RefusalCode) -> Throttled {
        Throttled { code, retry_after_ms: IN_FLIGHT_RETRY_MS, policy: self }
    }
}

impl Throttled {
    /// Why, for operators.
    pub fn cause(&self) -> String {
        format!("over `{}`", self.policy.field)
    }

    /// As the books take it.
    pub fn settlement(&self) -> Settlement {
        Settlement::refused(self.code, &self.cause())
    }
}
