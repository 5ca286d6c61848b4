//! What a server says that answers nothing: read no faster than the gateway can take it from every instance at once.
//!
//! Nothing of it is lost. A server that says more waits until it is read, as one whose pipe is full does, and its answers
//! wait behind what it said before them. So an instance that all tenants use may say the most from the start: one tenant's
//! notices would hold up another's answer, and such a server is the operator's and no tenant's.

use std::time::{Duration, Instant};

/// Messages in a second, sustained, for each call under way. Default 1,000: more steps than anybody watches.
const PER_SECOND: u32 = 1_000;
/// Messages at once, for each call under way. Default 200: they take the gateway half a millisecond.
const AT_ONCE: u32 = 200;
/// Calls beyond which no more may be said. Default 20: then it takes the gateway a sixteenth of a processor.
const CALLS_MAX: usize = 20;
/// Bytes that weigh as much as one more message. Default 4 KiB, so that 4 MiB in a second may be said for a call.
const BYTES_EACH: usize = 4 << 10;
/// The least wait. Default 50 ms: one for many messages.
const WAIT: Duration = Duration::from_millis(50);

/// What may still be said at once, and until when nothing may.
#[derive(Debug)]
pub(super) struct Unbidden {
    is_everybodys: bool,
    left: f64,
    at: Instant,
    rests_until: Option<Instant>,
    rests: u64,
}

impl Unbidden {
    /// Of an instance that has said nothing yet.
    pub(super) fn new(is_everybodys: bool, now: Instant) -> Self {
        let mut unbidden = Self { is_everybodys, left: 0.0, at: now, rests_until: None, rests: 0 };
        unbidden.left = f64::from(AT_ONCE) * unbidden.share(0);
        unbidden
    }

    /// Takes note of a message of so many bytes, with so many calls under way. Where it was one too many, no other may be
    /// read for a while.
    pub(super) fn said(&mut self, bytes: usize, calls: usize, now: Instant) {
        let share = self.share(calls);
        let per_second = f64::from(PER_SECOND) * share;
        let time = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + time * per_second).min(f64::from(AT_ONCE) * share);
        self.left -= f64::from(u32::try_from(1 + bytes / BYTES_EACH).unwrap_or(u32::MAX));
        if self.left < 0.0 {
            self.rests_until = Some(now + WAIT + Duration::from_secs_f64(-self.left / per_second));
            self.rests += 1;
        }
    }

    /// Until when nothing is read, if it is not read now.
    pub(super) fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    /// That time has come.
    pub(super) fn go_on(&mut self) {
        self.rests_until = None;
    }

    /// How often that was.
    pub(super) fn rests(&self) -> u64 {
        self.rests
    }

    fn share(&self, calls: usize) -> f64 {
        let calls = if self.is_everybodys { CALLS_MAX } else { calls.clamp(1, CALLS_MAX) };
        f64::from(u32::try_from(calls).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many short messages may be said at one moment, and how long it rests then, in milliseconds.
    fn at_once(unbidden: &mut Unbidden, calls: usize, now: Instant) -> (u32, u128) {
        let mut said = 0;
        while unbidden.rests_until().is_none() {
            unbidden.said(60, calls, now);
            said += 1;
        }
        (said - 1, (unbidden.rests_until().unwrap() - now).as_millis())
    }

    #[test]
    fn what_is_said_at_once_waits_beyond_its_bound_and_comes_back_with_time() {
        let now = Instant::now();
        let mut unbidden = Unbidden::new(false, now);
        assert_eq!(at_once(&mut unbidden, 1, now), (200, 51));
        let again = unbidden.rests_until().unwrap();
        unbidden.go_on();
        assert_eq!(at_once(&mut unbidden, 1, again), (50, 51));
        unbidden.go_on();
        assert_eq!(at_once(&mut unbidden, 1, again + Duration::from_secs(9)), (200, 51));
        assert_eq!(unbidden.rests(), 3);
    }

    #[test]
    fn more_calls_under_way_may_say_more_and_an_instance_of_all_the_most() {
        let now = Instant::now();
        let mut many = Unbidden::new(false, now);
        assert_eq!(at_once(&mut many, 1_000, now), (200, 50), "what was free before they began");
        many.go_on();
        assert_eq!(at_once(&mut many, 1_000, now + Duration::from_secs(9)), (4_000, 50));
        assert_eq!(at_once(&mut Unbidden::new(true, now), 1, now), (4_000, 50));
    }

    #[test]
    fn a_large_message_weighs_more() {
        let now = Instant::now();
        let mut unbidden = Unbidden::new(false, now);
        unbidden.said(4 << 20, 1, now);
        assert_eq!((unbidden.rests_until().unwrap() - now).as_millis(), 50 + 825);
    }
}
