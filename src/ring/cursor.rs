//! How far a subscriber has read, and the conversation between it and publishers that need its slot.
//!
//! A lossless cursor is moved by its subscriber alone; publishers wait for it. A lossy one can be
//! moved by a publisher in need as well, so it is a small protocol:
//!
//! * the subscriber sets `READING` by a read-modify-write before it touches a slot and clears it,
//!   moving on, by another;
//! * a publisher in need moves (or evicts) the cursor by CAS while `READING` is off. That CAS orders
//!   the subscriber's last read before the publisher's write, and the new position before the
//!   subscriber's next look;
//! * if `READING` is on it leaves a wish and sets `ASKED`: a slow subscriber is nearly always reading,
//!   so a publisher that only waited for the bit to be off would hardly ever see it so. The subscriber
//!   finds `ASKED` when it clears `READING`, and jumps (or is evicted) then.

use crossbeam_utils::CachePadded;

use crate::ring::sequence::Sequence;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// What happens when a subscriber is in the way of a full ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Publishers wait: nothing is ever lost.
    #[default]
    Block,
    /// The subscriber loses its oldest unread messages, and learns how many
    /// ([`Lagged`](crate::RecvError::Lagged)).
    ///
    /// It goes on at the oldest message that is safe from being overwritten: the oldest in the ring
    /// where the capacity is below 64, and at most a sixteenth of the capacity later above that (so
    /// that publishers need not move it for every message).
    DropOldest,
    /// The subscription ends, and the subscriber is told how many messages it had not read
    /// ([`Evicted`](crate::RecvError::Evicted)).
    Evict,
}

/// The subscriber is touching slots.
const READING: u64 = 1 << 61;
/// A publisher needs the slot: see `wish`.
const ASKED: u64 = 1 << 62;
/// The subscription is over (evicted or gone): it is in nobody's way.
const GONE: u64 = 1 << 63;

/// The sequence in a cursor's word.
fn sequence(word: u64) -> Sequence {
    word & !(READING | ASKED | GONE)
}

/// A lossy subscription was ended by a publisher, which wanted to claim this sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IsEvicted(pub(crate) Sequence);

/// A subscriber's place in the ring.
pub(crate) struct Cursor {
    /// The next sequence to be read, and the bits above.
    word: CachePadded<AtomicU64>,
    /// What an asking publisher wants: the sequence to jump to (`DropOldest`), or the sequence it
    /// could not claim (`Evict`).
    wish: AtomicU64,
    /// Messages dropped unread so far, or unread at the eviction.
    missed: AtomicU64,
    /// Another subscriber comes after this one, so that somebody may wait for its progress.
    followed: AtomicBool,
    overflow: Overflow,
}

impl Cursor {
    pub(crate) fn new(at: Sequence, overflow: Overflow) -> Self {
        Self {
            word: CachePadded::new(AtomicU64::new(at)),
            wish: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            followed: AtomicBool::new(false),
            overflow,
        }
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn is_lossy(&self) -> bool {
        self.overflow != Overflow::Block
    }

    /// Messages lost so far.
    pub(crate) fn missed(&self) -> u64 {
        // `start` may subtract what a publisher is only about to add.
        self.missed.load(Ordering::Relaxed).cast_signed().max(0).cast_unsigned()
    }

    /// The next sequence to be read; `None` if the subscription is over.
    /// SYNC POINT slots/cursor: sees the end of every read below it, and what those reads saw.
    pub(crate) fn position(&self) -> Option<Sequence> {
        let word = self.word.load(Ordering::Acquire);
        (word & GONE == 0).then_some(sequence(word))
    }

    /// The same, for its subscriber. The word itself says where an evicted one ended, so that the count
    /// of what it has lost is there as soon as it is gone.
    pub(crate) fn place(&self) -> Result<Sequence, IsEvicted> {
        let word = self.word.load(Ordering::Acquire);
        if word & GONE == 0 { Ok(sequence(word)) } else { Err(IsEvicted(sequence(word))) }
    }

    /// What it reads next, or would if it had not been evicted.
    pub(crate) fn last_position(&self) -> Sequence {
        let word = self.word.load(Ordering::Relaxed);
        let evicted = word & GONE != 0 && self.overflow == Overflow::Evict;
        sequence(word).saturating_sub(if evicted { self.missed() } else { 0 })
    }

    pub(crate) fn follow(&self) {
        self.followed.store(true, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(crate) fn is_followed(&self) -> bool {
        self.followed.load(Ordering::Relaxed)
    }

    // ===== the subscriber's side =====

    /// A lossless subscriber is done with everything below `next`.
    /// SYNC POINT slots/cursor: its reads happened before whoever sees this writes there.
    #[inline(always)]
    pub(crate) fn advance(&self, next: Sequence) {
        debug_assert!(!self.is_lossy());
        self.word.store(next, Ordering::Release);
    }

    /// Takes the start position, once everybody can see the cursor, which was made at `from`. False if
    /// it was evicted meanwhile.
    pub(crate) fn start(&self, from: Sequence, at: Sequence) -> bool {
        let word = self.word.fetch_max(at, Ordering::AcqRel);
        // What a publisher has moved it over before its start is no loss.
        self.missed.fetch_sub(sequence(word).min(at) - from, Ordering::Relaxed);
        word & GONE == 0
    }

    /// A lossy subscriber is about to touch slots: no publisher moves it until [`Self::end_read`].
    /// Gives the position, which publishers may have moved.
    pub(crate) fn begin_read(&self) -> Result<Sequence, IsEvicted> {
        let word = self.word.fetch_or(READING, Ordering::AcqRel);
        if word & GONE != 0 {
            return Err(IsEvicted(sequence(word)));
        }
        Ok(sequence(word))
    }

    /// A lossy subscriber has let go of every slot and is past everything below `next`; if it was
    /// asked to, it jumps or is evicted. True if it was asked.
    pub(crate) fn end_read(&self, next: Sequence) -> bool {
        // Acquire, here and below: the wish comes with `ASKED`.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let asked = word & ASKED != 0;
            let at = if asked { self.wish.load(Ordering::Relaxed).max(next) } else { next };
            let to = if asked { at | self.mark() } else { at };
            // SYNC POINT slots/cursor.
            match self.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.missed.fetch_add(at - next, Ordering::Relaxed);
                    return asked;
                }
                Err(seen) => word = seen,
            }
        }
    }

    /// The subscriber goes: nobody waits for it any more.
    pub(crate) fn leave(&self) {
        self.word.fetch_or(GONE, Ordering::AcqRel);
    }

    /// What is set in the word of a cursor that is moved out of the way.
    fn mark(&self) -> u64 {
        if self.overflow == Overflow::Evict { GONE } else { 0 }
    }

    // ===== the publisher's side =====

    /// A publisher that wants to claim `wanted` needs this lossy cursor to reach at least `need`, and
    /// would have it at `target`. True if it is in nobody's way now; otherwise it has been asked.
    pub(crate) fn make_way(&self, need: Sequence, target: Sequence, wanted: Sequence) -> bool {
        debug_assert!(self.is_lossy() && need <= target);
        // An evicted subscriber has missed all there is.
        let target = if self.overflow == Overflow::Evict { wanted } else { target };
        let mut word = self.word.load(Ordering::Acquire);
        while word & GONE == 0 && sequence(word) < need {
            let at = sequence(word);
            if word & READING != 0 {
                self.wish.fetch_max(target, Ordering::Relaxed);
                // Release: the wish comes with the bit. If the word has changed, look again.
                match self.word.compare_exchange(
                    word,
                    word | ASKED,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                ) {
                    Ok(_) => return false,
                    Err(seen) => word = seen,
                }
                continue;
            }
            let to = target | self.mark();
            // SYNC POINT slots/cursor: the subscriber's reads came before, its next look comes after.
            match self.word.compare_exchange(word, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.missed.fetch_add(target - at, Ordering::Relaxed);
                    return true;
                }
                Err(seen) => word = seen,
            }
        }
        true
    }
}
