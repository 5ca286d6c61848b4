//! When calls begin. In a closed loop: whenever a connection is free. In an open loop: at a constant rate, whatever the
//! endpoint does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::Semaphore;

use super::record::Recorder;

/// The times of one run, and in an open loop its schedule.
pub(super) struct Pace {
    measured_from: Instant,
    until: Instant,
    open: Option<Open>,
}

struct Open {
    schedule: Schedule,
    /// A permit for each call whose time has come.
    due: Arc<Semaphore>,
    /// Calls that a connection took on.
    taken: AtomicU64,
}

#[derive(Clone, Copy)]
struct Schedule {
    begin: Instant,
    per_second: u64,
}

impl Schedule {
    /// When the call of this number should begin.
    fn time(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * 1_000_000_000 / u128::from(self.per_second);
        self.begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many calls should have begun before `when`.
    fn due_before(&self, when: Instant) -> u64 {
        let nanos = when.saturating_duration_since(self.begin).as_nanos();
        u64::try_from((nanos * u128::from(self.per_second)).div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }
}

impl Pace {
    /// Begins now. `rate` is in calls per second; none is a closed loop.
    pub(super) fn start(rate: Option<u64>, warmup: Duration, duration: Duration) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let measured_from = begin + warmup;
        let until = measured_from + duration;
        let open = match rate {
            None => None,
            Some(per_second) => {
                let schedule = Schedule { begin, per_second };
                let due = Arc::new(Semaphore::new(0));
                let permits = Arc::clone(&due);
                // A thread of its own: the runtime's timers are a millisecond apart.
                std::thread::Builder::new()
                    .name("pace".to_owned())
                    .spawn(move || keep_time(schedule, until, &permits))
                    .context("the pacing thread cannot start")?;
                Some(Open { schedule, due, taken: AtomicU64::new(0) })
            }
        };
        Ok(Self { measured_from, until, open })
    }

    pub(super) fn measured_from(&self) -> Instant {
        self.measured_from
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Waits until the next call may begin and says when it should have begun; none: the run is over.
    pub(super) async fn next(&self) -> Option<Instant> {
        let Some(open) = &self.open else {
            let now = Instant::now();
            return (now < self.until).then_some(now);
        };
        open.due.acquire().await.ok()?.forget();
        let intended = open.schedule.time(open.taken.fetch_add(1, Ordering::Relaxed));
        (intended < self.until).then_some(intended)
    }

    /// Ends the run. In an open loop the calls that no connection was free for are told as failures.
    pub(super) fn finish(&self, recorder: &Recorder) {
        let Some(open) = &self.open else { return };
        open.due.close();
        let taken = open.taken.load(Ordering::Relaxed).max(open.schedule.due_before(self.measured_from));
        let left = open.schedule.due_before(self.until).saturating_sub(taken);
        recorder.failed_many("no connection was free in time", left);
    }
}

/// Gives a permit at the time of each call, and those that are overdue at once.
fn keep_time(schedule: Schedule, until: Instant, due: &Semaphore) {
    let mut given = 0;
    loop {
        let now = Instant::now();
        let target = schedule.due_before(now.min(until));
        // A closed semaphore takes permits that nobody asks for any more.
        due.add_permits(usize::try_from(target - given).unwrap_or(0));
        given = target;
        if now >= until || due.is_closed() {
            return;
        }
        std::thread::sleep(schedule.time(given).saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_a_constant_rate() {
        let begin = Instant::now();
        let schedule = Schedule { begin, per_second: 3 };
        assert_eq!(schedule.time(0), begin);
        assert_eq!(schedule.time(3), begin + Duration::from_secs(1));
        assert_eq!(schedule.due_before(begin), 0);
        assert_eq!(schedule.due_before(begin + Duration::from_nanos(1)), 1);
        assert_eq!(schedule.due_before(begin + Duration::from_secs(2)), 6);
        for number in 0..1_000 {
            assert_eq!(schedule.due_before(schedule.time(number) + Duration::from_nanos(1)), number + 1);
        }
    }

    #[tokio::test]
    async fn what_no_connection_took_is_told() {
        let recorder = Recorder::default();
        let pace = Pace::start(Some(1_000), Duration::ZERO, Duration::from_millis(100)).unwrap();
        let first = pace.next().await.unwrap();
        assert!(first >= pace.measured_from() && first < pace.until());
        tokio::time::sleep_until(pace.until().into()).await;
        pace.finish(&recorder);
        assert_eq!(recorder.counts(), (0, 99));
        assert_eq!(pace.next().await, None);
    }
}
