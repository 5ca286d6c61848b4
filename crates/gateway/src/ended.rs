//! The sessions of instances that their clients ended.
//!
//! A sealed id says of itself how long it is good, and nothing more: that its client is done with it has to be kept. It is
//! kept in memory, for as many as there is room; one that is forgotten, also by a restart, opens a session at which
//! nothing is left, for its own principal.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Sessions that are kept. Default 65,536: a minute of a thousand handshakes a second, in about 8 MB.
const ENDED_MAX: usize = 1 << 16;

/// Ids of ended sessions, the newest of them.
#[derive(Default)]
pub(crate) struct Ended(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    ids: HashSet<Box<str>>,
    oldest_first: VecDeque<Box<str>>,
}

impl Ended {
    /// Keeps one; whether it was not ended before.
    pub(crate) fn end(&self, id: &str) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.ids.insert(id.into()) {
            return false;
        }
        kept.oldest_first.push_back(id.into());
        if kept.oldest_first.len() > ENDED_MAX
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            kept.ids.remove(&oldest);
        }
        true
    }

    /// Whether one is over.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_once_and_the_newest_are_kept() {
        let ended = Ended::default();
        assert!(!ended.has("0"));
        assert!(ended.end("0") && !ended.end("0") && ended.has("0"));
        for id in 1..=ENDED_MAX {
            assert!(ended.end(&id.to_string()));
        }
        assert!(!ended.has("0") && ended.has("1") && ended.has(&ENDED_MAX.to_string()));
        assert_eq!(ended.0.lock().unwrap().ids.len(), ENDED_MAX);
    }
}
