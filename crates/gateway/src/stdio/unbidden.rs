//! What a server says that answers nothing: read no faster than the gateway can take it from every instance at once.
//!
//! Nothing of it is lost. A server that says more waits until it is read, as one whose pipe is full does, and its answers
//! wait behind what it said before them.

use std::time::{Duration, Instant};

/// Messages in a second, sustained. Default 1,000: a progress notice for each of a thousand steps.
const PER_SECOND: u32 = 1_000;
/// Messages at once. Default 200: they take the gateway half a millisecond.
const AT_ONCE: u32 = 200;
/// Bytes that weigh as much as one more message. Default 4 KiB, so that 4 MiB in a second may be said.
const BYTES_EACH: usize = 4 << 10;
/// How much must be free again before the next is read. Default 50 messages: one wait for many of them.
const AGAIN_AT: u32 = 50;

/// What may still be said at once.
#[derive(Debug)]
pub(super) struct Unbidden {
    left: f64,
    at: Instant,
}

impl Unbidden {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: AT_ONCE.into(), at: now }
    }

    /// Takes note of a message of so many bytes. Where it was one too many: when to read on.
    pub(super) fn said(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let time = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + time * f64::from(PER_SECOND)).min(AT_ONCE.into());
        self.left -= f64::from(u32::try_from(1 + bytes / BYTES_EACH).unwrap_or(u32::MAX));
        let wait = (f64::from(AGAIN_AT) - self.left) / f64::from(PER_SECOND);
        (self.left < 0.0).then(|| now + Duration::from_secs_f64(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_at_once_waits_beyond_its_bound_and_comes_back_with_time() {
        let now = Instant::now();
        let mut unbidden = Unbidden::new(now);
        assert!((0..AT_ONCE).all(|_| unbidden.said(60, now).is_none()));
        let again = unbidden.said(60, now).expect("one too many");
        assert!(
            again > now + Duration::from_millis(50) && again < now + Duration::from_millis(52),
            "{:?}",
            again - now
        );
        assert!((0..AGAIN_AT).all(|_| unbidden.said(60, again).is_none()));
        assert!(unbidden.said(60, again).is_some());
    }

    #[test]
    fn a_large_message_weighs_more() {
        let now = Instant::now();
        let again = Unbidden::new(now).said(4 << 20, now).expect("more than is free");
        assert!(
            again > now + Duration::from_millis(870) && again < now + Duration::from_millis(880),
            "{:?}",
            again - now
        );
    }
}
