//! State by key that is bounded: for as many keys as it is made for, and those idle make room for others.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
// Not through `sync`: nothing is ordered by the count.
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

use crate::sync::Mutex;

/// Keys to a shard, at least: few keys need few locks.
const MIN_PER_SHARD: usize = 64;
/// Shards at most.
const MAX_SHARDS: usize = 16;

/// Values by key, in shards of a lock each.
pub(super) struct Keyed<K, V> {
    shards: Box<[Locked<K, V>]>,
    /// Chooses the shard. Seeded at random, so that nobody can fill one on purpose.
    hasher: RandomState,
    /// Keys in all. Orders nothing: who looks sees a count of some moment.
    len: AtomicUsize,
}

/// A lock, and what it guards, in cache lines of their own.
type Locked<K, V> = CachePadded<Mutex<Shard<K, V>>>;

struct Shard<K, V> {
    values: HashMap<K, V>,
    limit: usize,
    /// At so many keys the next new one looks for idle ones first: twice of what was left the last time, so
    /// that each key pays for few looks.
    sweep_at: usize,
    /// While the shard is full: new keys that are turned away before it looks again, for the same reason.
    turn_away: usize,
}

impl<K: Hash + Eq + Clone, V> Keyed<K, V> {
    /// For at most `limit` keys (rounded up to a multiple of the shards).
    pub(super) fn new(limit: usize) -> Self {
        let shards = (limit / MIN_PER_SHARD).clamp(1, MAX_SHARDS);
        let shard = || CachePadded::new(Mutex::new(Shard::new(limit.div_ceil(shards))));
        let shards = (0..shards).map(|_| shard()).collect();
        Self { shards, hasher: RandomState::new(), len: AtomicUsize::new(0) }
    }

    /// Works with the value of a key; a new one gets its value from `make`. `None` if there is no place
    /// for a new key: all that there are have values that are not idle.
    pub(super) fn with<R>(
        &self,
        key: &K,
        is_idle: impl Fn(&V) -> bool,
        make: impl FnOnce() -> V,
        work: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut shard = self.shard(key).lock();
        if let Some(value) = shard.values.get_mut(key) {
            return Some(work(value));
        }
        let before = shard.values.len();
        let has_room = shard.make_room(is_idle);
        let result = has_room.then(|| work(shard.values.entry(key.clone()).or_insert_with(make)));
        // A sweep may have taken many; the sum wraps back.
        self.len.fetch_add(shard.values.len().wrapping_sub(before), Ordering::Relaxed);
        result
    }

    /// Works with the value of a key that is there, and forgets the key if `work` says `false` as well.
    #[cfg(feature = "circuit-breaker")]
    pub(super) fn with_known<R>(
        &self,
        key: &K,
        work: impl FnOnce(&mut V) -> (R, bool),
    ) -> Option<R> {
        let mut shard = self.shard(key).lock();
        let (result, keep) = work(shard.values.get_mut(key)?);
        if !keep {
            shard.values.remove(key);
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
        Some(result)
    }

    /// Looks at one after the other, a shard of them at a time, until `look` says `false`.
    #[cfg(all(feature = "circuit-breaker", feature = "inspect"))]
    pub(super) fn look(&self, mut look: impl FnMut(&K, &V) -> bool) {
        for shard in &self.shards {
            if !shard.lock().values.iter().all(|(key, value)| look(key, value)) {
                return;
            }
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % self.shards.len()]
    }
}

impl<K: Hash + Eq, V> Shard<K, V> {
    fn new(limit: usize) -> Self {
        let sweep_at = limit.min(MIN_PER_SHARD);
        Self { values: HashMap::new(), limit, sweep_at, turn_away: 0 }
    }

    /// Whether there is a place for a new key, if need be one that an idle key had.
    fn make_room(&mut self, is_idle: impl Fn(&V) -> bool) -> bool {
        if self.values.len() < self.sweep_at {
            return true;
        }
        if self.turn_away > 0 {
            self.turn_away -= 1;
            return false;
        }
        self.values.retain(|_, value| !is_idle(value));
        let left = self.values.len();
        self.sweep_at = (2 * left).clamp(self.limit.min(MIN_PER_SHARD), self.limit);
        let has_room = left < self.limit;
        self.turn_away = if has_room { 0 } else { left / 2 };
        has_room
    }
}
