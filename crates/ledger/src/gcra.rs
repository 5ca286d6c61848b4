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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained, per second.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

impl Rate {
    fn interval_ns(self) -> u64 {
        SECOND_NS / u64::from(self.per_second.max(1))
    }

    fn tolerance_ns(self) -> u64 {
        self.interval_ns().saturating_mul(u64::from(self.burst.max(1)))
    }

    /// Seconds in which all of the burst is there again.
    pub fn window_s(self) -> u32 {
        self.burst.max(1).div_ceil(self.per_second.max(1))
    }
}

impl Gcra {
    /// Takes one call at `now_ns` and says how many more may come at once, or in how many nanoseconds the next one will
    /// be let in.
    pub(crate) fn take(&self, rate: Rate, now_ns: u64) -> Result<u32, u64> {
        let (interval, tolerance) = (rate.interval_ns(), rate.tolerance_ns());
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let next = arrival.max(now_ns).min(now_ns + tolerance) + interval;
            let ahead = next - now_ns;
            if ahead > tolerance {
                return Err(ahead - tolerance);
            }
            match self.0.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(u32::try_from((tolerance - ahead) / interval).unwrap_or(u32::MAX)),
                Err(other) => arrival = other,
            }
        }
    }

    /// Takes one call back that came to nothing.
    pub(crate) fn give_back(&self, rate: Rate) {
        let back = |arrival: u64| Some(arrival.saturating_sub(rate.interval_ns()));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, back);
    }

    /// Calls that would be let in at once at `now_ns`.
    pub(crate) fn left(&self, rate: Rate, now_ns: u64) -> u32 {
        let ahead = self.0.load(Ordering::Relaxed).saturating_sub(now_ns);
        let free = rate.tolerance_ns().saturating_sub(ahead) / rate.interval_ns();
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    /// Whether it has forgotten all that came before `now_ns`.
    pub(crate) fn is_idle(&self, now_ns: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= now_ns
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let gcra = Gcra::default();
        let rate = Rate { per_second: 10, burst: 3 };
        let now = 5 * SECOND_NS;
        assert_eq!(gcra.left(rate, now), 3);
        assert_eq!([(); 3].map(|()| gcra.take(rate, now)), [Ok(2), Ok(1), Ok(0)]);
        assert_eq!(gcra.take(rate, now), Err(SECOND_NS / 10));
        assert_eq!(gcra.left(rate, now), 0);
        assert_eq!(gcra.take(rate, now + SECOND_NS / 10), Ok(0));
        assert!(gcra.take(rate, now + SECOND_NS / 10).is_err());
        gcra.give_back(rate);
        assert_eq!(gcra.take(rate, now + SECOND_NS / 10), Ok(0), "what came to nothing is there again");
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

    /// A bucket that fills drop by drop: what everybody means by a rate and a burst. Counted in nanoseconds' worth, so
    /// that nothing is rounded.
    struct Bucket {
        filled: u64,
        at: u64,
    }

    impl Bucket {
        fn take(&mut self, rate: Rate, now: u64) -> Result<u32, u64> {
            let interval = SECOND_NS / u64::from(rate.per_second);
            let full = interval * u64::from(rate.burst);
            self.filled = (self.filled + (now - self.at)).min(full);
            self.at = now;
            if self.filled < interval {
                return Err(interval - self.filled);
            }
            self.filled -= interval;
            Ok(u32::try_from(self.filled / interval).unwrap())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// It lets in what a bucket lets in, call by call, says the same of what is left, and the same wait.
        #[test]
        fn it_is_the_bucket_that_everybody_means(
            per_second in 1_u32..2_000,
            burst in 1_u32..50,
            pauses in prop::collection::vec(prop_oneof![Just(0_u64), 0..3_000_000_u64, 0..2 * SECOND_NS], 1..200),
        ) {
            let rate = Rate { per_second, burst };
            let gcra = Gcra::default();
            let mut now = SECOND_NS;
            let interval = SECOND_NS / u64::from(per_second);
            let mut bucket = Bucket { filled: interval * u64::from(burst), at: now };
            for pause in pauses {
                now += pause;
                let before = gcra.left(rate, now);
                let expected = bucket.take(rate, now);
                prop_assert_eq!(gcra.take(rate, now), expected);
                prop_assert_eq!(before > 0, expected.is_ok());
                if let Err(wait) = expected {
                    // Whoever comes back when it was told to is let in, and not a nanosecond earlier.
                    prop_assert_eq!(gcra.left(rate, now + wait - 1), 0);
                    prop_assert_eq!(gcra.left(rate, now + wait), 1);
                }
            }
        }
    }
}
