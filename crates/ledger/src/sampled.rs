//! What anybody can cause as often as they like is written down up to a rate, and the rest is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::gcra::{Gcra, Rate, now_ns};

#[derive(Debug, Default)]
pub(crate) struct Sampled {
    rate: Gcra,
    left_out: AtomicU64,
    all_left_out: AtomicU64,
}

impl Sampled {
    /// Whether one more may be written down now, and how many were left out since the last one.
    pub(crate) fn admit(&self, rate: Rate) -> Option<u64> {
        if self.rate.take(rate, now_ns()).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            self.all_left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        // Most of the time there is nothing, and a look is cheaper than a swap.
        if self.left_out.load(Ordering::Relaxed) == 0 {
            Some(0)
        } else {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        }
    }

    /// How many were left out since the start.
    pub(crate) fn left_out(&self) -> u64 {
        self.all_left_out.load(Ordering::Relaxed)
    }
}
