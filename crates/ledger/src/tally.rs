//! What was counted since start: of each tenant, beside its meter, and of the node.
//!
//! A call adds a handful of relaxed atomics when it settles and nothing else: no text, no lock, no memory. Whoever
//! wants to see reads them; readings of different counters may be a call apart.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use partywall_domain::{Outcome, RefusalCode};
use serde::{Deserialize, Serialize};

/// Upper bounds of a histogram's buckets, in microseconds: fixed, so that nodes and versions can be summed, from what the
/// gateway itself takes (tens of microseconds) to what clients wait for at most (a minute).
pub const BUCKETS_US: [u64; 19] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Where a call's time went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit stands in every name")]
pub(crate) struct Parts {
    /// In the gateway itself.
    pub(crate) own_us: u64,
    /// Waiting for a place.
    pub(crate) queue_us: u64,
    /// From its first byte to an upstream to the last of the answer; none if it went to none.
    pub(crate) upstream_us: Option<u64>,
}

/// What instances of a tenant used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstanceUse {
    /// Times that one was started.
    pub starts: u64,
    /// Microseconds of CPU time.
    pub cpu_us: u64,
    /// Microseconds for which they ran, waiting included.
    pub lived_us: u64,
    /// Bytes of memory, each for the seconds it was held.
    pub memory_byte_s: u64,
    /// Bytes read from block devices.
    pub read_bytes: u64,
    /// Bytes written to block devices.
    pub written_bytes: u64,
}

/// The counters of [`InstanceUse`].
#[derive(Debug, Default)]
struct InstanceTally {
    starts: AtomicU64,
    cpu_us: AtomicU64,
    lived_us: AtomicU64,
    memory_byte_s: AtomicU64,
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
}

impl InstanceTally {
    fn add(&self, used: &InstanceUse) {
        add(&self.starts, used.starts);
        add(&self.cpu_us, used.cpu_us);
        add(&self.lived_us, used.lived_us);
        add(&self.memory_byte_s, used.memory_byte_s);
        add(&self.read_bytes, used.read_bytes);
        add(&self.written_bytes, used.written_bytes);
    }

    fn sums(&self) -> InstanceUse {
        InstanceUse {
            starts: read(&self.starts),
            cpu_us: read(&self.cpu_us),
            lived_us: read(&self.lived_us),
            memory_byte_s: read(&self.memory_byte_s),
            read_bytes: read(&self.read_bytes),
            written_bytes: read(&self.written_bytes),
        }
    }
}

impl InstanceUse {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.with(other, &u64::saturating_add)
    }

    fn with(self, other: Self, of: &impl Fn(u64, u64) -> u64) -> Self {
        Self {
            starts: of(self.starts, other.starts),
            cpu_us: of(self.cpu_us, other.cpu_us),
            lived_us: of(self.lived_us, other.lived_us),
            memory_byte_s: of(self.memory_byte_s, other.memory_byte_s),
            read_bytes: of(self.read_bytes, other.read_bytes),
            written_bytes: of(self.written_bytes, other.written_bytes),
        }
    }
}

/// One tenant's counters. They live as long as the meter; those of instances are made with the first one.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    answered: AtomicU64,
    upstream_error: AtomicU64,
    refused: AtomicU64,
    abandoned: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    own_us: AtomicU64,
    queue_us: AtomicU64,
    upstream_us: AtomicU64,
    delay_us: AtomicU64,
    instances: OnceLock<Box<InstanceTally>>,
}

/// A tenant's sums since start, or those of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls by how they ended.
    pub answered: u64,
    /// See [`Outcome::UpstreamError`].
    pub upstream_error: u64,
    /// See [`Outcome::Refused`].
    pub refused: u64,
    /// See [`Outcome::Abandoned`].
    pub abandoned: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of answers' bodies.
    pub bytes_out: u64,
    /// Microseconds that its calls took in the gateway itself. Long-lived streams are in none of the three.
    pub own_us: u64,
    /// Microseconds that its calls waited for a place.
    pub queue_us: u64,
    /// Microseconds that its calls were with upstreams.
    pub upstream_us: u64,
    /// Microseconds that calls of other tenants waited at upstreams for the places that its calls had.
    pub delay_us: u64,
    /// What its instances used.
    pub instances: InstanceUse,
    /// Calls being served now.
    pub in_flight: u64,
    /// Streams open now.
    pub streams_open: u64,
}

impl Sums {
    /// Calls that ended, however they did.
    pub fn calls(&self) -> u64 {
        self.answered + self.upstream_error + self.refused + self.abandoned
    }

    /// What came since `earlier`; what is counted now and not since start stays as it is.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        let Self { in_flight, streams_open, .. } = self;
        Self { in_flight, streams_open, ..self.with(earlier, u64::saturating_sub) }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    pub(crate) fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            answered: of(self.answered, other.answered),
            upstream_error: of(self.upstream_error, other.upstream_error),
            refused: of(self.refused, other.refused),
            abandoned: of(self.abandoned, other.abandoned),
            bytes_in: of(self.bytes_in, other.bytes_in),
            bytes_out: of(self.bytes_out, other.bytes_out),
            own_us: of(self.own_us, other.own_us),
            queue_us: of(self.queue_us, other.queue_us),
            upstream_us: of(self.upstream_us, other.upstream_us),
            delay_us: of(self.delay_us, other.delay_us),
            instances: self.instances.with(other.instances, &of),
            in_flight: of(self.in_flight, other.in_flight),
            streams_open: of(self.streams_open, other.streams_open),
        }
    }
}

impl Tally {
    /// Counts a call that ended. `spent` is none where time says nothing: a long-lived stream is as long as its client
    /// wants.
    pub(crate) fn ended(&self, outcome: Outcome, bytes_in: u64, bytes_out: u64, spent: Option<Parts>) {
        let of_outcome = match outcome {
            Outcome::Answered => &self.answered,
            Outcome::UpstreamError => &self.upstream_error,
            Outcome::Refused(_) => &self.refused,
            Outcome::Abandoned => &self.abandoned,
        };
        add(of_outcome, 1);
        add(&self.bytes_in, bytes_in);
        add(&self.bytes_out, bytes_out);
        if let Some(spent) = spent {
            add(&self.own_us, spent.own_us);
            add(&self.queue_us, spent.queue_us);
            add(&self.upstream_us, spent.upstream_us.unwrap_or(0));
        }
    }

    /// Counts delay that a call of the tenant has caused others.
    pub(crate) fn delayed(&self, micros: u64) {
        if micros > 0 {
            add(&self.delay_us, micros);
        }
    }

    /// Counts what instances of the tenant used.
    pub(crate) fn used(&self, used: &InstanceUse) {
        self.instances.get_or_init(Box::default).add(used);
    }

    pub(crate) fn sums(&self) -> Sums {
        Sums {
            answered: read(&self.answered),
            upstream_error: read(&self.upstream_error),
            refused: read(&self.refused),
            abandoned: read(&self.abandoned),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
            own_us: read(&self.own_us),
            queue_us: read(&self.queue_us),
            upstream_us: read(&self.upstream_us),
            delay_us: read(&self.delay_us),
            instances: self.instances.get().map(|tally| tally.sums()).unwrap_or_default(),
            in_flight: 0,
            streams_open: 0,
        }
    }
}

/// What the node counted since start, all tenants and strangers together.
#[derive(Debug, Default)]
pub(crate) struct NodeTally {
    refusals: Refusals,
    own: Histogram,
    queue: Histogram,
    upstream: Histogram,
    strangers_booked: AtomicU64,
    strangers_left_out: AtomicU64,
}

/// The node's counters as they stand.
#[derive(Clone, Debug)]
pub struct NodeSums {
    /// Refusals, of tenants and strangers, by code; every code is there.
    pub refusals: Vec<(RefusalCode, u64)>,
    /// What served calls took in the gateway itself.
    pub own: Timing,
    /// What served calls waited for a place.
    pub queue: Timing,
    /// What calls took at upstreams.
    pub upstream: Timing,
    /// Refusals before a tenant was known that are in journal and log.
    pub strangers_booked: u64,
    /// Those that are not: beyond the rate at which they are written.
    pub strangers_left_out: u64,
}

/// A histogram as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Microseconds in all.
    pub sum_us: u64,
    /// How many fell into each bucket of [`BUCKETS_US`]; the last one is for those beyond all.
    pub counts: [u64; BUCKETS_US.len() + 1],
}

impl NodeTally {
    pub(crate) fn refused(&self, code: RefusalCode) {
        self.refusals.count(code);
    }

    pub(crate) fn served(&self, spent: Parts) {
        self.own.observe(spent.own_us);
        self.queue.observe(spent.queue_us);
        if let Some(upstream_us) = spent.upstream_us {
            self.upstream.observe(upstream_us);
        }
    }

    pub(crate) fn stranger(&self, code: RefusalCode, booked: bool) {
        self.refusals.count(code);
        add(if booked { &self.strangers_booked } else { &self.strangers_left_out }, 1);
    }

    pub(crate) fn sums(&self) -> NodeSums {
        NodeSums {
            refusals: RefusalCode::ALL.iter().map(|code| (*code, self.refusals.of(*code))).collect(),
            own: self.own.timing(),
            queue: self.queue.timing(),
            upstream: self.upstream.timing(),
            strangers_booked: read(&self.strangers_booked),
            strangers_left_out: read(&self.strangers_left_out),
        }
    }
}

#[derive(Debug)]
struct Refusals([AtomicU64; RefusalCode::ALL.len()]);

impl Default for Refusals {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Refusals {
    fn count(&self, code: RefusalCode) {
        if let Some(count) = self.0.get(code as usize) {
            add(count, 1);
        }
    }

    fn of(&self, code: RefusalCode) -> u64 {
        self.0.get(code as usize).map_or(0, read)
    }
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [AtomicU64; BUCKETS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    fn observe(&self, us: u64) {
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        if let Some(count) = self.counts.get(bucket) {
            add(count, 1);
        }
        add(&self.sum_us, us);
    }

    fn timing(&self) -> Timing {
        Timing { sum_us: read(&self.sum_us), counts: std::array::from_fn(|bucket| read(&self.counts[bucket])) }
    }
}

/// Most counts are of nothing (no bytes, no queue), and adding nothing is free.
fn add(counter: &AtomicU64, more: u64) {
    if more > 0 {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_bucket_whose_bound_it_does_not_pass() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 60_000_000, 60_000_001, u64::from(u32::MAX)] {
            histogram.observe(us);
        }
        let Timing { counts, sum_us } = histogram.timing();
        assert_eq!((counts[0], counts[1], counts[18], counts[19]), (2, 1, 1, 2));
        assert_eq!(counts.iter().sum::<u64>(), 6);
        assert_eq!(sum_us, 50 + 51 + 60_000_000 + 60_000_001 + u64::from(u32::MAX));
    }

    #[test]
    fn every_refusal_has_a_counter_of_its_own() {
        let node = NodeTally::default();
        for (times, code) in RefusalCode::ALL.iter().enumerate() {
            (0..=times).for_each(|_| node.refused(*code));
        }
        let counts: Vec<_> = node.sums().refusals.into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, (1..=RefusalCode::ALL.len() as u64).collect::<Vec<_>>());
    }
}
