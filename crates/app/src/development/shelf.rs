//! A map that forgets: it holds so many things and no more, each for so long and no longer.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Where it is full, what was put first goes first: whoever fills it meets new things, not a closed door.
pub(super) struct Shelf<T> {
    max: usize,
    lifetime: Duration,
    things: HashMap<String, (Instant, T)>,
    /// Every key in the order in which it came; also keys of what was taken, until their turn.
    order: VecDeque<(Instant, String)>,
}

impl<T> Shelf<T> {
    pub(super) fn new(max: usize, lifetime: Duration) -> Self {
        Self { max, lifetime, things: HashMap::new(), order: VecDeque::new() }
    }

    /// Puts a thing under a key that was never used.
    pub(super) fn put(&mut self, key: String, thing: T, now: Instant) {
        while let Some((since, _)) = self.order.front() {
            if self.order.len() < self.max && self.is_fresh(*since, now) {
                break;
            }
            if let Some((_, oldest)) = self.order.pop_front() {
                self.things.remove(&oldest);
            }
        }
        self.order.push_back((now, key.clone()));
        self.things.insert(key, (now, thing));
    }

    pub(super) fn get(&mut self, key: &str, now: Instant) -> Option<&mut T> {
        let lifetime = self.lifetime;
        let (since, thing) = self.things.get_mut(key)?;
        (now.duration_since(*since) < lifetime).then_some(thing)
    }

    pub(super) fn take(&mut self, key: &str, now: Instant) -> Option<T> {
        let (since, thing) = self.things.remove(key)?;
        self.is_fresh(since, now).then_some(thing)
    }

    fn is_fresh(&self, since: Instant, now: Instant) -> bool {
        now.duration_since(since) < self.lifetime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn shelf(now: Instant) -> Shelf<u32> {
        let mut shelf = Shelf::new(2, MINUTE);
        shelf.put("a".to_owned(), 1, now);
        shelf
    }

    #[test]
    fn a_thing_is_there_until_it_is_taken_or_over() {
        let now = Instant::now();
        assert_eq!(shelf(now).get("a", now).copied(), Some(1));
        assert_eq!(shelf(now).get("b", now), None);
        assert_eq!(shelf(now).get("a", now + MINUTE), None);
        assert_eq!(shelf(now).take("a", now + MINUTE), None);
        let mut once = shelf(now);
        assert_eq!((once.take("a", now), once.take("a", now)), (Some(1), None));
    }

    #[test]
    fn it_never_holds_more_than_its_limit() {
        let now = Instant::now();
        let mut shelf = shelf(now);
        for number in 0..100 {
            shelf.put(format!("key {number}"), number, now);
            assert!(shelf.things.len() <= 2 && shelf.order.len() <= 2);
        }
        assert_eq!((shelf.get("key 97", now).copied(), shelf.get("key 98", now).copied()), (None, Some(98)));
        shelf.put("later".to_owned(), 0, now + MINUTE);
        assert_eq!((shelf.things.len(), shelf.order.len()), (1, 1), "what is over makes room");
    }
}
