//! What one tenant uses at this moment. It lives by tenant id and outlives every change of configuration.

use std::sync::atomic::{AtomicU32, Ordering};

use partywall_domain::{Limits, RefusalCode};

use crate::call::Weight;
use crate::gcra::{Gcra, Rate, now_ns};

/// Refused for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttled {
    /// Which limit.
    pub code: RefusalCode,
    /// Milliseconds after which a call may get in, if nobody else comes first.
    pub retry_after_ms: u64,
}

/// What is left of a tenant's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Calls that may come at once.
    pub calls: u32,
    /// Calls being served.
    pub in_flight: u32,
    /// Streams open.
    pub streams_open: u32,
}

/// Milliseconds after which a caller over a concurrency limit should try again: there is no telling when a call
/// ends, and a second is short for people and long for a loop.
const IN_FLIGHT_RETRY_MS: u64 = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Meter {
    rate: Gcra,
    in_flight: AtomicU32,
    streams_open: AtomicU32,
}

impl Meter {
    pub(crate) fn take(&self, limits: &Limits, weight: Weight) -> Result<(), Throttled> {
        match weight {
            Weight::Free => return Ok(()),
            Weight::Message => {}
            Weight::Call => enter(&self.in_flight, limits.calls_in_flight_max, RefusalCode::TooManyInFlight)?,
            Weight::Stream => enter(&self.streams_open, limits.streams_open_max, RefusalCode::TooManyStreams)?,
        }
        self.rate.take(rate(limits), now_ns()).map_err(|wait_ns| {
            self.give_back(weight);
            Throttled { code: RefusalCode::RateLimited, retry_after_ms: wait_ns.div_ceil(1_000_000) }
        })
    }

    pub(crate) fn give_back(&self, weight: Weight) {
        match weight {
            Weight::Free | Weight::Message => {}
            Weight::Call => drop(self.in_flight.fetch_sub(1, Ordering::Relaxed)),
            Weight::Stream => drop(self.streams_open.fetch_sub(1, Ordering::Relaxed)),
        }
    }

    pub(crate) fn left(&self, limits: &Limits) -> Left {
        Left {
            calls: self.rate.left(rate(limits), now_ns()),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            streams_open: self.streams_open.load(Ordering::Relaxed),
        }
    }
}

fn rate(limits: &Limits) -> Rate {
    Rate { per_second: limits.calls_per_second, burst: limits.calls_burst }
}

fn enter(count: &AtomicU32, max: u32, code: RefusalCode) -> Result<(), Throttled> {
    let entered = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < max).then_some(now + 1));
    entered.map(|_| ()).map_err(|_| Throttled { code, retry_after_ms: IN_FLIGHT_RETRY_MS })
}
