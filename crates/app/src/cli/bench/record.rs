//! What the workers saw: latencies of what was answered, and how often what failed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds. Default 10 minutes; a timeout ends calls long before.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Digits that a latency keeps. Default 3: a thousandth.
const DIGITS: u8 = 3;
/// Kinds of failures that are told apart. Default 100: statuses and error codes are few, unless somebody plays with us.
const KINDS_MAX: usize = 100;

/// Shared by all workers; a worker holds it for some 20 ns a call.
pub(super) struct Recorder(Mutex<Records>);

/// All that was recorded.
pub(super) struct Records {
    /// Microseconds from the intended beginning of a call to the end of its answer.
    pub(super) latency_us: Histogram<u64>,
    /// What failed, by kind.
    pub(super) failures: BTreeMap<String, u64>,
    /// Connections that were made after the first ones.
    pub(super) reconnects: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the library takes")]
        let latency_us = Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS).expect("the bounds are sound");
        Self(Mutex::new(Records { latency_us, failures: BTreeMap::new(), reconnects: 0 }))
    }
}

impl Recorder {
    pub(super) fn answered(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.with(|records| records.latency_us.saturating_record(micros));
    }

    pub(super) fn failed(&self, kind: &str) {
        self.failed_many(kind, 1);
    }

    pub(super) fn failed_many(&self, kind: &str, times: u64) {
        if times == 0 {
            return;
        }
        self.with(|records| {
            let full = records.failures.len() >= KINDS_MAX && !records.failures.contains_key(kind);
            let kind = if full { "other" } else { kind };
            *records.failures.entry(kind.to_owned()).or_default() += times;
        });
    }

    pub(super) fn reconnected(&self) {
        self.with(|records| records.reconnects += 1);
    }

    /// How many calls were answered and how many failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.with(|records| (records.latency_us.len(), records.failures.values().sum()))
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Records) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_failures_are_bounded_and_none_is_lost() {
        let recorder = Recorder::default();
        for kind in 0..2 * KINDS_MAX {
            recorder.failed(&format!("status {kind}"));
        }
        assert_eq!(recorder.counts(), (0, 2 * KINDS_MAX as u64));
        assert!(recorder.with(|records| records.failures.len()) <= KINDS_MAX + 1);
    }
}
