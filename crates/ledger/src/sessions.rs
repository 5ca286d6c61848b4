//! How many legacy sessions a tenant has opened and not ended.
//!
//! The gateway keeps no session: the client carries it, sealed. So this is a count and no list. A session counts from
//! its opening until its client ends it, or until the hour in which it would end by itself is over. One that its
//! upstream forgot counts as long; after a restart nothing counts that was opened before.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a session may go on. Default one day: longer than a working day, shorter than a leak.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(24);

const HOUR_S: u64 = 3_600;
/// One slot for each hour that a session can have been opened in and still go on.
const SLOTS: usize = 25;

/// Made with the first session: most tenants may have none.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Option<Box<[Slot; SLOTS]>>>);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The hour since 1970.
    hour: u64,
    open: u32,
}

impl Sessions {
    /// Counts one that is opened now, if there are fewer than `max`.
    pub(crate) fn open(&self, max: u32, now: SystemTime) -> bool {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = slots.get_or_insert_default();
        let hour = hour(now);
        if count(slots, hour) >= max {
            return false;
        }
        let slot = &mut slots[place(hour)];
        let open = if slot.hour == hour { slot.open } else { 0 };
        *slot = Slot { hour, open: open + 1 };
        true
    }

    /// Counts one less of those that were opened then.
    pub(crate) fn end(&self, opened: SystemTime) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = hour(opened);
        if let Some(slot) = slots.as_mut().map(|slots| &mut slots[place(hour)]).filter(|slot| slot.hour == hour) {
            slot.open = slot.open.saturating_sub(1);
        }
    }

    /// How many there are.
    pub(crate) fn count(&self, now: SystemTime) -> u32 {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.as_ref().map_or(0, |slots| count(slots, hour(now)))
    }
}

fn hour(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / HOUR_S
}

fn place(hour: u64) -> usize {
    usize::try_from(hour % SLOTS as u64).unwrap_or_default()
}

fn count(slots: &[Slot; SLOTS], now: u64) -> u32 {
    let oldest = now.saturating_sub(SESSION_LIFETIME.as_secs() / HOUR_S);
    slots.iter().filter(|slot| slot.hour >= oldest).fold(0, |sum, slot| sum.saturating_add(slot.open))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64, minutes: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs((1_000_000 + hours) * HOUR_S + minutes * 60)
    }

    #[test]
    fn a_session_counts_until_it_is_ended_or_over() {
        let sessions = Sessions::default();
        assert_eq!(sessions.count(at(0, 0)), 0);
        assert!(sessions.open(3, at(0, 10)) && sessions.open(3, at(0, 50)) && sessions.open(3, at(1, 0)));
        assert!(!sessions.open(3, at(1, 1)), "three there are");
        sessions.end(at(0, 10));
        assert_eq!(sessions.count(at(1, 1)), 2);
        assert!(sessions.open(3, at(2, 0)));
        for (hours, left) in [(24, 3), (25, 2), (26, 1), (27, 0), (1000, 0)] {
            assert_eq!(sessions.count(at(hours, 0)), left, "after {hours} hours");
        }
        assert!(sessions.open(1, at(25, 0)) == (sessions.count(at(25, 0)) == 0), "the slot is used again");
    }

    #[test]
    fn what_was_never_opened_cannot_be_ended() {
        let sessions = Sessions::default();
        sessions.end(at(0, 0));
        assert!(sessions.open(9, at(5, 0)));
        for opened in [at(4, 0), at(6, 0), at(30, 0), UNIX_EPOCH] {
            sessions.end(opened);
        }
        assert_eq!(sessions.count(at(5, 0)), 1);
        sessions.end(at(5, 59));
        sessions.end(at(5, 59));
        assert_eq!(sessions.count(at(5, 0)), 0, "below nothing there is nothing");
    }
}
