//! The subscribers' cursors: what holds publishers back.
//!
//! # Joining while publishers run
//! A publisher that loaded the list before a newcomer was in it may compute a limit that lets it
//! overrun the newcomer. So it computes, then looks whether the list is still the same, and starts
//! over if not; and the newcomer takes its start position only after the list with it is visible.
//! With a full fence on both sides (one stores the list and then reads the head, the other reads the
//! cursors and then reads the list) one of them sees the other: either the publisher starts over, or the newcomer
//! starts at or after every position that the publisher has based its limit on.

use std::sync::Arc;
// Not through `sync`: nothing is ordered by the count, and the models would have to step over it.
use std::sync::atomic::AtomicUsize;

use smallvec::SmallVec;

use crate::ring::cursor::{Cursor, Overflow};
use crate::ring::sequence::Sequence;
use crate::sync::{ArcSwap, Ordering, fence};

/// Cursors in place for as many subscribers as fit; beyond that the list lies on the heap.
type List = SmallVec<[Arc<Cursor>; 8]>;

/// The list of cursors, copied on write.
pub(crate) struct Gate {
    list: ArcSwap<List>,
    /// How many are in it: for those who only want to know that.
    count: AtomicUsize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { list: ArcSwap::from_pointee(List::new()), count: AtomicUsize::new(0) }
    }

    /// Adds a cursor. Callers take turns (the bus's registry lock). Read start positions afterwards.
    pub(crate) fn add(&self, cursor: Arc<Cursor>) {
        let mut list = List::clone(&self.list.load());
        list.push(cursor);
        self.count.store(list.len(), Ordering::Relaxed);
        self.list.store(Arc::new(list));
        // Pairs with the fence in `pass`.
        fence(Ordering::SeqCst);
    }

    /// Removes a cursor. Callers take turns.
    pub(crate) fn remove(&self, cursor: &Arc<Cursor>) {
        let mut list = List::clone(&self.list.load());
        list.retain(|other| !Arc::ptr_eq(other, cursor));
        self.count.store(list.len(), Ordering::Relaxed);
        self.list.store(Arc::new(list));
    }

    /// How many cursors there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Relaxed: a number and no more; what it was a moment ago.
        self.count.load(Ordering::Relaxed)
    }

    /// The lowest place of any cursor, at most `ceiling()`.
    ///
    /// Lossy cursors below `need` are moved out of the way, unless a lossless one is there as well:
    /// then the publisher has to wait anyway, and nobody need lose anything. `step` is how far beyond
    /// the need they are moved; `wanted` is the sequence the publisher cannot claim without.
    pub(crate) fn pass(
        &self,
        ceiling: impl Fn() -> Sequence,
        need: Sequence,
        step: u64,
        wanted: Sequence,
    ) -> Sequence {
        loop {
            let list = self.list.load();
            let ceiling = ceiling();
            let held = lowest(&list, ceiling, |cursor| !cursor.is_lossy());
            if held >= need {
                make_way(&list, need, held.min(need + step - 1), wanted);
            }
            let lowest = lowest(&list, held, Cursor::is_lossy);
            // Pairs with the fence in `add`.
            fence(Ordering::SeqCst);
            if Arc::ptr_eq(&list, &self.list.load()) {
                return lowest;
            }
        }
    }

    /// The lowest place of a lossless cursor, at most `ceiling`.
    pub(crate) fn held(&self, ceiling: Sequence) -> Sequence {
        lowest(&self.list.load(), ceiling, |cursor| !cursor.is_lossy())
    }
}

fn lowest(list: &List, ceiling: Sequence, which: impl Fn(&Cursor) -> bool) -> Sequence {
    let chosen = list.iter().filter(|cursor| which(cursor));
    chosen.filter_map(|cursor| cursor.position()).fold(ceiling, Sequence::min)
}

fn make_way(list: &List, need: Sequence, target: Sequence, wanted: Sequence) {
    for cursor in list.iter().filter(|cursor| cursor.overflow() != Overflow::Block) {
        cursor.make_way(need, target, wanted);
    }
}
