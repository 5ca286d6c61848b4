//! The delay that tenants cause each other at a full upstream.
//!
//! While calls wait, their waiting is shared out among the tenants whose calls are being served, to each by how many it
//! has. Nobody delays itself. Two sums that run up for all together are enough: a tenant's part between two moments at
//! which its own numbers change follows from them, so that no change looks at anybody else.

use std::time::Instant;

/// The sums, in microseconds. They stand still while nobody waits.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// Up to when they go; none where nobody waited then.
    until: Option<Instant>,
    /// The waiting of all calls, for each place that was taken meanwhile.
    waiting: f64,
    /// The time itself, for each place that was taken meanwhile.
    time: f64,
}

impl Clock {
    /// Goes on to now. So many calls have waited since the last time, and so many been served.
    pub(super) fn go_on(&mut self, waiting: u32, served: u32) {
        if waiting == 0 {
            self.until = None;
            return;
        }
        let now = Instant::now();
        let since = self.until.replace(now).unwrap_or(now);
        self.pass(now.saturating_duration_since(since).as_secs_f64() * 1e6, waiting, served);
    }

    fn pass(&mut self, micros: f64, waiting: u32, served: u32) {
        let of_a_place = micros / f64::from(served.max(1));
        self.waiting += of_a_place * f64::from(waiting);
        self.time += of_a_place;
    }
}

/// One tenant's part.
#[derive(Debug, Default)]
pub(super) struct Part {
    waiting: f64,
    time: f64,
    caused_us: f64,
}

impl Part {
    /// Goes on to where the clock is. So many of the tenant's own calls have waited since the last time, and so many been
    /// served.
    pub(super) fn go_on(&mut self, clock: &Clock, waiting: u32, served: u32) {
        let others = (clock.waiting - self.waiting) - (clock.time - self.time) * f64::from(waiting);
        self.caused_us += others.max(0.0) * f64::from(served);
        (self.waiting, self.time) = (clock.waiting, clock.time);
    }

    /// What it has come to, in whole microseconds, which is then told.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no negative, and far below 2^53")]
    pub(super) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.caused_us) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Part};

    #[test]
    fn what_waits_is_shared_out_and_nobody_delays_itself() {
        let (mut clock, mut loud, mut quiet) = (Clock::default(), Part::default(), Part::default());
        // Loud has three of four places and two calls that wait; quiet has one place; a third has one call that waits.
        clock.pass(1000.0, 3, 4);
        loud.go_on(&clock, 2, 3);
        quiet.go_on(&clock, 0, 1);
        // A quarter of 3,000 is quiet's; of the rest loud's own two do not count.
        assert_eq!((loud.take(), quiet.take()), (750, 750));
        // Then quiet waits alone, behind loud.
        clock.pass(1000.0, 1, 4);
        loud.go_on(&clock, 0, 4);
        quiet.go_on(&clock, 1, 0);
        assert_eq!((loud.take(), quiet.take()), (1000, 0));
        assert_eq!(loud.take(), 0, "it is told once");
    }
}
