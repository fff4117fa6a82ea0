//! Sequences that were claimed and hold no message, because the closure that was to write it panicked.
//!
//! Readers pass over them. They are so rare that they are a list behind a lock, and all that a reader
//! pays is one look at a word that nearly always is 0, for each run of messages and not for each.

use crate::ring::sequence::Sequence;
use crate::sync::{AtomicUsize, Mutex, Ordering};

pub(crate) struct Skips {
    /// How many there are. Relaxed suffices: a skip is noted before its stamp is set, and whoever
    /// reads there has acquired the stamp.
    count: AtomicUsize,
    list: Mutex<Vec<Sequence>>,
}

impl Skips {
    pub(crate) fn new() -> Self {
        Self { count: AtomicUsize::new(0), list: Mutex::new(Vec::new()) }
    }

    /// Notes a skip, and forgets those a lap or more behind.
    pub(crate) fn add(&self, sequence: Sequence, capacity: u64) {
        let mut list = self.list.lock();
        list.retain(|old| old + capacity > sequence);
        list.push(sequence);
        self.count.store(list.len(), Ordering::Relaxed);
    }

    /// The run of messages within `from..to`: where it begins and where it ends.
    #[inline(always)]
    pub(crate) fn trim(&self, from: Sequence, to: Sequence) -> (Sequence, Sequence) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return (from, to);
        }
        self.trim_slowly(from, to)
    }

    #[cold]
    fn trim_slowly(&self, mut from: Sequence, to: Sequence) -> (Sequence, Sequence) {
        let list = self.list.lock();
        while from < to && list.contains(&from) {
            from += 1;
        }
        let end = list.iter().copied().filter(|skip| *skip >= from).fold(to, Sequence::min);
        (from, end)
    }
}
