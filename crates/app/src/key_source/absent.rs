//! Key ids that an issuer was found not to have.
//!
//! Only a hash of each is kept, so that the memory is the same whatever strangers write into their tokens. Two ids with
//! one hash share a fate for half a minute, which costs no more than a refused token.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How long an id is taken to be absent. Default 30 s: a token that came before its key was published works after
/// that, and repeating it meanwhile asks nobody.
pub(super) const ABSENT_FOR: Duration = Duration::from_secs(30);
/// Ids kept for each issuer. Default 1,024, about 32 KiB; while it is full the floor between fetches does alone.
pub(super) const ABSENT_MAX: usize = 1_024;

#[derive(Default)]
pub(super) struct Absent {
    hasher: RandomState,
    until: HashMap<u64, Instant>,
}

impl Absent {
    /// Whether the id was found absent a moment ago. No id at all counts as one.
    pub(super) fn has(&self, kid: Option<&str>, now: Instant) -> bool {
        self.until.get(&self.hasher.hash_one(kid)).is_some_and(|until| now < *until)
    }

    /// The id is absent.
    pub(super) fn note(&mut self, kid: Option<&str>, now: Instant) {
        if self.until.len() >= ABSENT_MAX {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() < ABSENT_MAX {
            self.until.insert(self.hasher.hash_one(kid), now + ABSENT_FOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_id_is_asked_for_again_after_a_while() {
        let (mut absent, start) = (Absent::default(), Instant::now());
        absent.note(Some("ghost"), start);
        let rows = [
            (Some("ghost"), Duration::ZERO, true),
            (Some("ghost"), ABSENT_FOR.saturating_sub(Duration::from_millis(1)), true),
            (Some("ghost"), ABSENT_FOR, false),
            (Some("other"), Duration::ZERO, false),
            (None, Duration::ZERO, false),
        ];
        for (kid, after, expected) in rows {
            assert_eq!(absent.has(kid, start + after), expected, "{kid:?} after {after:?}");
        }
    }

    #[test]
    fn strangers_fill_it_to_its_bound_and_no_further() {
        let (mut absent, start) = (Absent::default(), Instant::now());
        for number in 0..100_000 {
            absent.note(Some(&format!("ghost-{number}")), start);
        }
        assert_eq!(absent.until.len(), ABSENT_MAX);
        assert!(absent.has(Some("ghost-0"), start), "what came first stays");
        let later = start + ABSENT_FOR;
        absent.note(Some("new"), later);
        assert!(absent.has(Some("new"), later), "what has expired makes room");
        assert_eq!(absent.until.len(), 1);
    }
}
