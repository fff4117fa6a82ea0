//! The ring: slots and their sequencer, put together so that only what may be touched is.

use crate::ring::cursor::Cursor;
use crate::ring::lane::Turn;
use crate::ring::sequence::{Sequence, Stamp};
use crate::ring::sequencer::{Blocked, Sequencer};
use crate::ring::skips::Skips;
use crate::ring::slots::Slots;

/// A message that was not taken, and why.
#[derive(Debug)]
pub(crate) struct Refused<T>(pub(crate) T, pub(crate) Blocked);

/// A message was published.
pub(crate) struct Pushed<T> {
    /// The message it replaced: for the caller to drop when it holds nothing, for its `Drop` is user
    /// code.
    pub(crate) replaced: Option<T>,
    /// In the shared phase, so that a publisher may be waiting for this one.
    pub(crate) shared: bool,
}

pub(crate) struct Ring<T> {
    slots: Slots<T>,
    skips: Skips,
    pub(crate) sequencer: Sequencer,
}

impl<T> Ring<T> {
    /// `None` where the machine cannot give the memory. `capacity` is a power of two.
    pub(crate) fn new(capacity: usize, retain: u64) -> Option<Self> {
        let slots = Slots::new(capacity)?;
        let mut stamps = Vec::new();
        stamps.try_reserve_exact(capacity).ok()?;
        stamps.extend((0..capacity).map(|_| Stamp::new()));
        Some(Self {
            slots,
            skips: Skips::new(),
            sequencer: Sequencer::new(capacity as u64, retain, stamps.into_boxed_slice()),
        })
    }

    #[inline(always)]
    pub(crate) fn capacity(&self) -> u64 {
        self.slots.capacity()
    }

    /// The next slot, if this thread owns the lane and knows of room without looking: the way of nearly
    /// every message. The message is not moved before it is known to where.
    #[inline(always)]
    pub(crate) fn reserve(&self) -> Option<Reserved<'_, T>> {
        let turn = self.sequencer.enter()?;
        (turn.next() < turn.limit()).then_some(Reserved { ring: self, turn })
    }

    /// Publishes a message, at once or with [`Self::flush`].
    pub(crate) fn push(&self, message: T, now: bool) -> Result<Pushed<T>, Refused<T>> {
        match self.sequencer.enter() {
            None => self.push_shared(message),
            Some(turn) if self.sequencer.has_room(&turn) => {
                let replaced = Reserved { ring: self, turn }.write(message, now);
                Ok(Pushed { replaced, shared: false })
            }
            Some(_) => Err(Refused(message, Blocked::Full)),
        }
    }

    /// Publishes what this thread has written for later. (If it has lost the lane since, whoever took
    /// it has done so.)
    pub(crate) fn flush(&self) {
        if let Some(turn) = self.sequencer.enter() {
            self.sequencer.publish_owned(&turn);
        }
    }

    fn push_shared(&self, message: T) -> Result<Pushed<T>, Refused<T>> {
        match self.sequencer.claim() {
            Err(blocked) => Err(Refused(message, blocked)),
            Ok(sequence) => {
                // SAFETY: claimed, so ours, and claimed only after every cursor was past its slot and
                // the message one lap ago was published.
                let replaced = unsafe { self.slots.replace(sequence, message) };
                self.sequencer.publish(sequence);
                Ok(Pushed { replaced, shared: true })
            }
        }
    }

    /// Publishes a message that `write` writes in its slot, on top of an older message or of `first()`.
    /// If it panics, readers pass over the place.
    pub(crate) fn push_with(
        &self,
        first: impl FnOnce() -> T,
        write: impl FnOnce(&mut T),
    ) -> Result<(), Blocked> {
        /// Publishes the sequence, as a skip unless the message was written.
        struct Claimed<'a, T>(&'a Ring<T>, Sequence, bool);
        impl<T> Drop for Claimed<'_, T> {
            fn drop(&mut self) {
                let Self(ring, sequence, written) = *self;
                if !written {
                    ring.skips.add(sequence, ring.capacity());
                }
                ring.sequencer.publish(sequence);
            }
        }
        // User code may run under a claim, but not in an owner's turn: so this is never the owner's way.
        // `first` may panic, so it comes before the claim.
        let mut fresh = (self.sequencer.head() < self.capacity()).then(first);
        let mut claimed = Claimed(self, self.sequencer.claim()?, false);
        if claimed.1 >= self.capacity() {
            fresh = None;
        }
        // SAFETY: as in `push_shared`. `fresh` is there in the first lap: `head` was no higher before.
        unsafe { self.slots.rewrite(claimed.1, fresh, write) };
        claimed.2 = true;
        Ok(())
    }

    /// The messages that a reader at `next` may read, at most about `most`: where they begin (later
    /// than `next` only where a writing closure panicked) and where they end.
    #[inline(always)]
    pub(crate) fn readable(&self, next: Sequence, most: u64) -> (Sequence, Sequence) {
        self.skips.trim(next, self.sequencer.available(next, most))
    }

    /// The message at `sequence`.
    ///
    /// # Safety
    /// The caller's cursor is at or below `sequence`, and stays there for `'a` (if it is lossy: it is
    /// reading); [`Self::readable`] has named the sequence to it.
    #[inline(always)]
    pub(crate) unsafe fn get<'a>(&self, sequence: Sequence) -> &'a T {
        // SAFETY: readable, so published and seen; the cursor keeps publishers away from the slot.
        unsafe { self.slots.get(sequence) }
    }

    /// Adds a cursor and takes its start position. Callers take turns.
    pub(crate) fn join(&self, cursor: &std::sync::Arc<Cursor>, history: bool) -> Option<Sequence> {
        let from = cursor.last_position();
        self.sequencer.gate.add(std::sync::Arc::clone(cursor));
        let at = self.start(history);
        // It may be evicted before it has begun, if this thread sleeps here for a whole lap.
        cursor.start(from, at).then_some(at)
    }

    /// Where a subscriber that joins now starts.
    pub(crate) fn start(&self, history: bool) -> Sequence {
        if history {
            self.sequencer.frontier().saturating_sub(self.sequencer.retain())
        } else {
            self.sequencer.head()
        }
    }
}

/// A slot that the owner of the lane may write, within its turn.
pub(crate) struct Reserved<'a, T> {
    ring: &'a Ring<T>,
    turn: Turn<'a>,
}

impl<T> Reserved<'_, T> {
    /// Writes the message, publishes it (or leaves that to [`Ring::flush`]), and ends the turn. Gives
    /// the message it replaces, as [`Pushed`] does.
    #[inline(always)]
    pub(crate) fn write(self, message: T, now: bool) -> Option<T> {
        let sequence = self.turn.next();
        // SAFETY: the sequence is ours while the turn lasts, and it is below the limit: every cursor
        // is past its slot. All before it has been written.
        let replaced = unsafe { self.ring.slots.replace(sequence, message) };
        self.turn.set_next(sequence + 1);
        if now {
            self.ring.sequencer.publish_owned(&self.turn);
        }
        replaced
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let end = self.sequencer.total();
        let from = end.saturating_sub(self.capacity());
        // SAFETY: nobody else is here, so everything claimed is written; the last lap of it is there.
        unsafe { self.slots.clear(from, end) };
    }
}
