//! The generic cell rate algorithm (ITU-T I.371): one number per limit, exact, without a timer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const SECOND_NS: u64 = 1_000_000_000;

/// When the next call would arrive if calls came exactly at the rate, in nanoseconds since the books were opened.
#[derive(Debug, Default)]
pub(crate) struct Gcra(AtomicU64);

/// A rate and how far a caller may run ahead of it. Read from the configuration at each call, so a changed limit
/// holds from the next call on, and what was used before still counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}

impl Rate {
    fn interval_ns(self) -> u64 {
        SECOND_NS / u64::from(self.per_second.max(1))
    }

    fn tolerance_ns(self) -> u64 {
        self.interval_ns().saturating_mul(u64::from(self.burst.max(1)))
    }
}

impl Gcra {
    /// Takes one call at `now_ns`, or says in how many nanoseconds the next one will be let in.
    pub(crate) fn take(&self, rate: Rate, now_ns: u64) -> Result<(), u64> {
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let next = arrival.max(now_ns).min(now_ns + rate.tolerance_ns()) + rate.interval_ns();
            let ahead = next - now_ns;
            if ahead > rate.tolerance_ns() {
                return Err(ahead - rate.tolerance_ns());
            }
            match self.0.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => arrival = other,
            }
        }
    }

    /// Calls that would be let in at once at `now_ns`.
    pub(crate) fn left(&self, rate: Rate, now_ns: u64) -> u32 {
        let ahead = self.0.load(Ordering::Relaxed).saturating_sub(now_ns);
        let free = rate.tolerance_ns().saturating_sub(ahead) / rate.interval_ns();
        u32::try_from(free).unwrap_or(u32::MAX)
    }
}

/// Nanoseconds since the first call of this process.
pub(crate) fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_nanos();
    u64::try_from(elapsed).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let gcra = Gcra::default();
        let rate = Rate { per_second: 10, burst: 3 };
        let now = 5 * SECOND_NS;
        assert_eq!(gcra.left(rate, now), 3);
        assert!((0..3).all(|_| gcra.take(rate, now).is_ok()));
        assert_eq!(gcra.take(rate, now), Err(SECOND_NS / 10));
        assert_eq!(gcra.left(rate, now), 0);
        assert_eq!(gcra.take(rate, now + SECOND_NS / 10), Ok(()));
        assert!(gcra.take(rate, now + SECOND_NS / 10).is_err());
    }

    #[test]
    fn a_lowered_limit_holds_from_the_next_call_and_does_not_punish_for_the_old_one() {
        let gcra = Gcra::default();
        let (wide, narrow) = (Rate { per_second: 10, burst: 100 }, Rate { per_second: 1, burst: 2 });
        let now = SECOND_NS;
        assert!((0..100).all(|_| gcra.take(wide, now).is_ok()));
        let wait = gcra.take(narrow, now).unwrap_err();
        assert!(wait <= SECOND_NS, "the next call must come within one interval of the new rate, not after {wait} ns");
    }
}
