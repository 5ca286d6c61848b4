//! What one tenant uses at this moment. It lives by tenant id and outlives every change of configuration.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use partywall_domain::{Limits, RefusalCode};

use crate::call::Weight;
use crate::gcra::{Gcra, Rate, now_ns};
use crate::policy::{Policy, Quota, Standing, Throttled};
use crate::sampled::Sampled;
use crate::sessions::Sessions;
use crate::subjects::Subjects;
use crate::tally::{Sums, Tally};
use crate::tools::{Full, Tools, enter};

/// What is left of a tenant's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Calls that may come at once.
    pub calls: u32,
    /// Lists that may come at once.
    pub lists: u32,
    /// Handshakes that may come at once.
    pub handshakes: u32,
    /// Calls being served.
    pub in_flight: u32,
    /// Sessions open.
    pub sessions_open: u32,
    /// Streams open.
    pub streams_open: u32,
    /// Bytes of request bodies held.
    pub bodies_bytes: u32,
    /// Refusals that were not written down one by one, since the start.
    pub refusals_left_out: u64,
}

/// Handshakes of a tenant being served at the same time. Default 64: they are over at once, and where a server hangs
/// they must not take the places of calls.
const HANDSHAKES_IN_FLIGHT_MAX: u32 = 64;

/// A tenant's refusals that are written down. Default 10 a second and 100 at once: enough to see what goes on, too few
/// to fill a disk with. The rest is counted.
pub(crate) const REFUSALS_BOOKED: Rate = Rate { per_second: 10, burst: 100 };

/// How long the answer to a refusal waits at most. Default 1 s, in which a tenant's queue of them is as long as the calls
/// that it may make in that time.
const REFUSAL_WAIT_MAX: Duration = Duration::from_secs(1);
/// How soon refusals that are not written down are answered, at least. Default 50 a second: whoever is refused that often
/// does not listen, and soon is no use to it.
const REFUSALS_ANSWERED_MIN: u32 = 50;

/// Bytes that a body counts at least. Default 4 KiB: what holding the shortest one costs in all.
const BODY_BYTES_MIN: u64 = 4 << 10;

#[derive(Default)]
pub(crate) struct Meter {
    calls: Gcra,
    lists: Gcra,
    handshakes: Gcra,
    in_flight: AtomicU32,
    handshakes_in_flight: AtomicU32,
    streams_open: AtomicU32,
    bodies_bytes: AtomicU32,
    pub(crate) sessions: Sessions,
    pub(crate) tools: Tools,
    pub(crate) subjects: Subjects,
    pub(crate) refusals: Sampled,
    answers: Gcra,
    pub(crate) tally: Tally,
}

impl Meter {
    /// Takes a place, and one of the rate. What is refused costs neither.
    pub(crate) fn take(&self, limits: &Limits, weight: Weight, now_ns: u64) -> Result<Option<Standing>, Throttled> {
        self.enter(limits, weight)?;
        let Some((gcra, rate, policy)) = self.rate(limits, weight) else { return Ok(None) };
        match gcra.take(rate, now_ns) {
            Ok(left) => Ok(Some(Standing { policy, left })),
            Err(wait_ns) => {
                self.leave(weight);
                Err(policy.over_rate(RefusalCode::RateLimited, wait_ns))
            }
        }
    }

    fn enter(&self, limits: &Limits, weight: Weight) -> Result<(), Throttled> {
        let (count, max, name, field, code) = match weight {
            Weight::Free | Weight::Message => return Ok(()),
            Weight::Handshake | Weight::Opening => (
                &self.handshakes_in_flight,
                HANDSHAKES_IN_FLIGHT_MAX,
                "handshakes-in-flight",
                "64 handshakes at the same time",
                RefusalCode::TooManyInFlight,
            ),
            Weight::List | Weight::Call => (
                &self.in_flight,
                limits.calls_in_flight_max,
                "in-flight",
                "calls_in_flight_max",
                RefusalCode::TooManyInFlight,
            ),
            Weight::Stream => (
                &self.streams_open,
                limits.streams_open_max,
                "streams",
                "streams_open_max",
                RefusalCode::TooManyStreams,
            ),
        };
        let policy = Policy { name, field, quota: Quota::Concurrent(max) };
        enter(count, max).map_err(|Full| policy.full(code))
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, weight: Weight) {
        let count = match weight {
            Weight::Free | Weight::Message => return,
            Weight::Handshake | Weight::Opening => &self.handshakes_in_flight,
            Weight::List | Weight::Call => &self.in_flight,
            Weight::Stream => &self.streams_open,
        };
        count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a session that is about to be opened.
    pub(crate) fn open_session(&self, limits: &Limits, now: SystemTime) -> Result<(), Throttled> {
        let max = limits.sessions_open_max;
        let policy = Policy { name: "sessions", field: "sessions_open_max", quota: Quota::Concurrent(max) };
        if self.sessions.open(max, now) { Ok(()) } else { Err(policy.full(RefusalCode::TooManySessions)) }
    }

    /// Takes one of the rate back that came to nothing.
    pub(crate) fn give_back(&self, limits: &Limits, weight: Weight) {
        if let Some((gcra, rate, _)) = self.rate(limits, weight) {
            gcra.give_back(rate);
        }
    }

    fn rate(&self, limits: &Limits, weight: Weight) -> Option<(&Gcra, Rate, Policy)> {
        let (gcra, rate, name, field) = match weight {
            Weight::Free => return None,
            Weight::Handshake | Weight::Opening => {
                (&self.handshakes, handshakes(limits), "handshakes", "handshakes_per_second")
            }
            Weight::List => (&self.lists, lists(limits), "lists", "lists_per_second"),
            Weight::Message | Weight::Call | Weight::Stream => {
                (&self.calls, calls(limits), "calls", "calls_per_second")
            }
        };
        Some((gcra, rate, Policy { name, field, quota: Quota::Rate(rate) }))
    }

    /// How long the answer to a refusal waits that is not worth a line, since its tenant is refused without end: they are
    /// answered one after the other, as often as the tenant may call, and each after [`REFUSAL_WAIT_MAX`] at the latest.
    /// What one tenant sends in vain must not take the time in which others are served.
    pub(crate) fn pause(&self, limits: &Limits) -> Duration {
        let per_second = limits.calls_per_second.max(REFUSALS_ANSWERED_MIN);
        let queue = Rate { per_second, burst: per_second };
        match self.answers.take(queue, now_ns()) {
            Ok(left) => REFUSAL_WAIT_MAX * (per_second - 1 - left) / per_second,
            Err(_) => REFUSAL_WAIT_MAX,
        }
    }

    /// Takes room for a body of so many bytes. Where no other is held, one of any length may be.
    pub(crate) fn hold_body(&self, limits: &Limits, bytes: u64) -> Result<u32, Throttled> {
        let max = limits.bodies_bytes_max;
        let bytes = u32::try_from(bytes.max(BODY_BYTES_MIN)).unwrap_or(u32::MAX);
        let fits = |held: u32| held.checked_add(bytes).filter(|sum| held == 0 || *sum <= max);
        let held = self.bodies_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        let policy = Policy { name: "bodies", field: "bodies_bytes_max", quota: Quota::Bytes(max) };
        held.map(|_| bytes).map_err(|_| policy.full(RefusalCode::TooManyBodies))
    }

    pub(crate) fn drop_body(&self, bytes: u32) {
        self.bodies_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// What was counted since start, and what is held now.
    pub(crate) fn sums(&self) -> Sums {
        Sums {
            in_flight: self.in_flight.load(Ordering::Relaxed).into(),
            streams_open: self.streams_open.load(Ordering::Relaxed).into(),
            ..self.tally.sums()
        }
    }

    pub(crate) fn left(&self, limits: &Limits) -> Left {
        let now = now_ns();
        Left {
            calls: self.calls.left(calls(limits), now),
            lists: self.lists.left(lists(limits), now),
            handshakes: self.handshakes.left(handshakes(limits), now),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            sessions_open: self.sessions.count(SystemTime::now()),
            streams_open: self.streams_open.load(Ordering::Relaxed),
            bodies_bytes: self.bodies_bytes.load(Ordering::Relaxed),
            refusals_left_out: self.refusals.left_out(),
        }
    }
}

fn calls(limits: &Limits) -> Rate {
    Rate { per_second: limits.calls_per_second, burst: limits.calls_burst }
}

fn lists(limits: &Limits) -> Rate {
    Rate { per_second: limits.lists_per_second, burst: limits.lists_burst }
}

fn handshakes(limits: &Limits) -> Rate {
    Rate { per_second: limits.handshakes_per_second, burst: limits.handshakes_burst }
}
