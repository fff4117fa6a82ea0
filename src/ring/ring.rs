//! The ring: slots and their sequencer, put together so that only what may be touched is.

use crate::ring::cursor::Cursor;
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

    /// Publishes a message.
    #[inline(always)]
    pub(crate) fn push(&self, message: T) -> Result<Pushed<T>, Refused<T>> {
        self.push_owned(message, true).unwrap_or_else(|message| self.push_shared(message))
    }

    /// Writes a message, to be published by [`Self::flush`] at the latest.
    #[inline(always)]
    pub(crate) fn push_later(&self, message: T) -> Result<Pushed<T>, Refused<T>> {
        self.push_owned(message, false).unwrap_or_else(|message| self.push_shared(message))
    }

    /// Publishes what this thread has written with [`Self::push_later`]. (If it has lost the lane
    /// since, whoever took it has done so.)
    pub(crate) fn flush(&self) {
        if let Some(turn) = self.sequencer.enter() {
            self.sequencer.publish_owned(&turn);
        }
    }

    /// As the owner of the lane; gives the message back if this thread is not.
    #[inline(always)]
    fn push_owned(&self, message: T, now: bool) -> Result<Result<Pushed<T>, Refused<T>>, T> {
        let Some(turn) = self.sequencer.enter() else { return Err(message) };
        if !self.sequencer.has_room(&turn) {
            return Ok(Err(Refused(message, Blocked::Full)));
        }
        let sequence = turn.next();
        // SAFETY: the sequence is ours while the turn lasts, and there is room for it: every cursor is
        // past its slot. All before it has been written.
        let replaced = unsafe { self.slots.replace(sequence, message) };
        turn.set_next(sequence + 1);
        if now {
            self.sequencer.publish_owned(&turn);
        }
        Ok(Ok(Pushed { replaced, shared: false }))
    }

    #[inline(never)]
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
        self.sequencer.gate.add(std::sync::Arc::clone(cursor));
        let at = self.start(history);
        // It may be evicted before it has begun, if this thread sleeps here for a whole lap.
        cursor.start(at).then_some(at)
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

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let end = self.sequencer.total();
        let from = end.saturating_sub(self.capacity());
        // SAFETY: nobody else is here, so everything claimed is written; the last lap of it is there.
        unsafe { self.slots.clear(from, end) };
    }
}
