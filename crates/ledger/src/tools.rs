//! What the tools that a pattern names use together, of one tenant at one server.
//!
//! Which patterns there are the configuration says and no caller, so callers who make up names make no entries here.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use partywall_domain::{RefusalCode, ServerName, ToolLimits};

use crate::gcra::{Gcra, Rate};
use crate::policy::{Policy, Quota, Throttled};

/// Patterns that are kept of a tenant before those nobody uses are dropped. Default 1,024: all of sixteen servers.
const PATTERNS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(crate) struct Tools(Mutex<Meters>);

#[derive(Debug, Default)]
struct Meters {
    by_server: BTreeMap<ServerName, HashMap<String, Arc<ToolMeter>>>,
    count: usize,
}

#[derive(Debug, Default)]
pub(crate) struct ToolMeter {
    rate: Gcra,
    in_flight: AtomicU32,
}

impl Tools {
    /// The meter of one pattern. It lives by server and pattern, so it outlives a change of what the pattern allows.
    pub(crate) fn of(&self, server: &ServerName, pattern: &str, now_ns: u64) -> Arc<ToolMeter> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = meters.by_server.get(server).and_then(|meters| meters.get(pattern)) {
            return Arc::clone(meter);
        }
        if meters.count >= PATTERNS_MAX {
            meters.sweep(now_ns);
        }
        meters.count += 1;
        Arc::clone(meters.by_server.entry(server.clone()).or_default().entry(pattern.to_owned()).or_default())
    }
}

impl Meters {
    /// Drops what a fresh meter would say no different of.
    fn sweep(&mut self, now_ns: u64) {
        let used = |meter: &Arc<ToolMeter>| Arc::strong_count(meter) > 1 || !meter.rate.is_idle(now_ns);
        self.by_server.values_mut().for_each(|meters| meters.retain(|_, meter| used(meter)));
        self.by_server.retain(|_, meters| !meters.is_empty());
        self.count = self.by_server.values().map(HashMap::len).sum();
    }
}

impl ToolMeter {
    pub(crate) fn take(&self, limits: &ToolLimits, now_ns: u64) -> Result<(), Throttled> {
        let max = limits.calls_in_flight_max.unwrap_or(u32::MAX);
        let policy =
            Policy { name: "tool-in-flight", field: "tool_limits.calls_in_flight_max", quota: Quota::Concurrent(max) };
        enter(&self.in_flight, max).map_err(|Full| policy.full(RefusalCode::TooManyInFlight))?;
        let Some(rate) = rate(limits) else { return Ok(()) };
        let taken = self.rate.take(rate, now_ns).map_err(|wait_ns| {
            self.leave();
            let policy = Policy { name: "tool", field: "tool_limits.calls_per_second", quota: Quota::Rate(rate) };
            policy.over_rate(RefusalCode::RateLimited, wait_ns)
        });
        taken.map(drop)
    }

    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, limits: &ToolLimits) {
        if let Some(rate) = rate(limits) {
            self.rate.give_back(rate);
        }
    }

    /// Calls that may come at once, where there is a rate, and calls in flight.
    pub(crate) fn left(&self, limits: &ToolLimits, now_ns: u64) -> (Option<u32>, u32) {
        (rate(limits).map(|rate| self.rate.left(rate, now_ns)), self.in_flight.load(Ordering::Relaxed))
    }
}

fn rate(limits: &ToolLimits) -> Option<Rate> {
    limits.rate.map(|(per_second, burst)| Rate { per_second, burst })
}

/// There are as many as may be.
pub(crate) struct Full;

/// Takes one place of `max`.
pub(crate) fn enter(count: &AtomicU32, max: u32) -> Result<(), Full> {
    let entered = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < max).then_some(now + 1));
    entered.map(drop).map_err(|_| Full)
}
