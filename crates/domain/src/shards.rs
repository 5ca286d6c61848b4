//! A map made of many small shared parts, so that a copy with one entry changed shares all the others.
//!
//! It is what lets a hundred thousand tenants be one immutable value of which the next one differs in a part or two. It
//! decides nothing, and it is not meant to be changed by two at a time.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter::once;
use std::sync::Arc;

/// Parts of a map. Default 256: of a hundred thousand entries a change copies some four hundred, in microseconds, and
/// cloning the whole costs as many reference counts.
const PARTS: usize = 256;

/// A map whose clones share what is alike in them.
#[derive(Clone, Debug)]
pub struct Shards<K, V>(Box<[Arc<HashMap<K, V>>]>);

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self(once(empty).cycle().take(PARTS).collect())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Shards<K, V> {
    /// What stands at `key`.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0[part(key)].get(key)
    }

    /// Puts `value` at `key`; gives what stood there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        Arc::make_mut(&mut self.0[part(&key)]).insert(key, value)
    }

    /// Takes out what stands at `key`.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let part = &mut self.0[part(key)];
        // What is not there needs no copy of the part.
        if part.contains_key(key) { Arc::make_mut(part).remove(key) } else { None }
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(|part| part.iter())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|part| part.is_empty())
    }

    /// The entries of those parts that are not shared with `other`: all that differ are among them.
    pub fn unshared<'a>(&'a self, other: &Self) -> impl Iterator<Item = (&'a K, &'a V)> {
        let pairs = self.0.iter().zip(&other.0);
        let unshared = pairs.filter(|(part, other)| !Arc::ptr_eq(part, other)).map(|(part, _)| part);
        // Which they are is settled here, so that the iterator does not hold on to `other`.
        unshared.collect::<Vec<_>>().into_iter().flat_map(|part| part.iter())
    }
}

/// The same part for the same key in every map of this process.
fn part(key: &(impl Hash + ?Sized)) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    // The remainder is below `PARTS`, so it fits whatever a `usize` is.
    usize::try_from(hasher.finish() % PARTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(many: u32) -> Shards<u32, u32> {
        let mut all = Shards::default();
        for number in 0..many {
            all.insert(number, number);
        }
        all
    }

    #[test]
    fn it_is_a_map() {
        let mut all = numbers(1_000);
        assert_eq!((all.len(), all.get(&7), all.get(&1_000)), (1_000, Some(&7), None));
        assert_eq!((all.insert(7, 8), all.remove(&9), all.remove(&9)), (Some(7), Some(9), None));
        assert_eq!((all.len(), all.get(&7), all.iter().count()), (999, Some(&8), 999));
        assert!(!all.is_empty() && Shards::<u32, u32>::default().is_empty());
    }

    #[test]
    fn a_changed_copy_shares_all_but_a_part() {
        let old = numbers(10_000);
        let mut new = old.clone();
        assert_eq!(new.unshared(&old).count(), 0);
        new.remove(&10_001);
        assert_eq!(new.unshared(&old).count(), 0, "nothing was there to take out");
        new.insert(7, 8);
        let differ: Vec<_> = new.unshared(&old).filter(|(key, value)| old.get(*key) != Some(*value)).collect();
        assert_eq!(differ, [(&7, &8)]);
        assert!(new.unshared(&old).count() < 200);
        assert_eq!(old.get(&7), Some(&7));
    }
}
