//! The ring: slots and their sequencer, put together so that only what may be touched is.

use std::mem::ManuallyDrop;

use crate::ring::cursor::Cursor;
use crate::ring::lane::Turn;
use crate::ring::sequence::{Sequence, Stamp};
use crate::ring::sequencer::{Blocked, Sequencer};
use crate::ring::skips::Skips;
use crate::ring::slots::{Slots, View};

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
        (turn.next() < turn.limit()).then_some(Reserved { ring: self, right: Right::Turn(turn) })
    }

    /// The next slot, where [`Self::reserve`] has none.
    #[inline(never)]
    pub(crate) fn reserve_slowly(&self) -> Result<Reserved<'_, T>, Blocked> {
        let (right, _) = self.right(1)?;
        Ok(Reserved { ring: self, right })
    }

    /// The next slots, at most `most`.
    #[inline]
    pub(crate) fn reserve_run(&self, most: usize) -> Result<Run<'_, T>, Blocked> {
        let (right, count) = self.right(most as u64)?;
        Ok(Run { reserved: Reserved { ring: self, right }, count: count as usize })
    }

    /// The right to the next sequences, at most `most`, and to how many.
    #[inline]
    fn right(&self, most: u64) -> Result<(Right<'_>, u64), Blocked> {
        match self.sequencer.enter() {
            Some(turn) if self.sequencer.has_room(&turn) => {
                let count = most.min(turn.limit() - turn.next());
                Ok((Right::Turn(turn), count))
            }
            Some(_) => Err(Blocked::Full),
            None => {
                let (first, count) = self.sequencer.claim(most)?;
                Ok((Right::Claim(first), count))
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
        struct Attempt<'a, T>(&'a Ring<T>, Sequence, bool);
        impl<T> Drop for Attempt<'_, T> {
            fn drop(&mut self) {
                let Self(ring, sequence, written) = *self;
                if !written {
                    ring.skips.add(sequence, ring.capacity());
                }
                ring.sequencer.publish(sequence);
                ring.sequencer.sample(sequence, sequence + 1);
            }
        }
        // User code may run under a claim, but not in an owner's turn: so this is never the owner's way.
        // `first` may panic, so it comes before the claim.
        let mut fresh = (self.sequencer.head() < self.capacity()).then(first);
        let mut attempt = Attempt(self, self.sequencer.claim(1)?.0, false);
        if attempt.1 >= self.capacity() {
            fresh = None;
        }
        // SAFETY: as in `write_claimed`. `fresh` is there in the first lap: `head` was no higher before.
        unsafe { self.slots.rewrite(attempt.1, fresh, write) };
        attempt.2 = true;
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
        unsafe { self.slots.view().get(sequence) }
    }

    /// The slots, for one who reads several messages.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_, T> {
        self.slots.view()
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

/// How many slots ahead the owner has the line brought to it. What it has not been told is free stays
/// with the readers. (Measured in `perf`, with 4, 12 and 32: 12 is best or level at 1 -> 1 and 1 -> 4, by up
/// to 1.4 times.)
const PREFETCH: u64 = 12;

/// A slot to be written, and then published.
pub(crate) struct Reserved<'a, T> {
    ring: &'a Ring<T>,
    right: Right<'a>,
}

/// Why a slot may be written.
enum Right<'a> {
    /// It is the owner's turn.
    Turn(Turn<'a>),
    /// Its sequence was claimed in the shared phase.
    Claim(Sequence),
}

impl<T> Reserved<'_, T> {
    /// Whether other publishers may be waiting for this message.
    #[inline(always)]
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.right, Right::Claim(_))
    }

    /// Writes the message and publishes it. Gives the message it replaces, for the caller to drop when it
    /// holds nothing: its `Drop` is user code.
    #[inline(always)]
    pub(crate) fn write(self, message: T) -> Option<T> {
        let mut message = ManuallyDrop::new(message);
        // SAFETY: it is taken for moved, unless it is another one.
        let replaces = unsafe { self.write_from(&raw mut *message) };
        replaces.then(|| ManuallyDrop::into_inner(message))
    }

    /// As [`Self::write`], from the place where the message is: a large one is copied once. If true, that is where
    /// the message that it replaces is now, which is the caller's.
    ///
    /// # Safety
    /// The message at `from` is the caller's, who takes it for moved.
    #[inline(always)]
    pub(crate) unsafe fn write_from(self, from: *mut T) -> bool {
        let Self { ring, right } = self;
        let turn = match right {
            Right::Turn(turn) => turn,
            Right::Claim(sequence) => {
                // SAFETY: claimed; the message is the caller's.
                let replaces = unsafe { ring.write_claimed(sequence, from) };
                ring.sequencer.sample(sequence, sequence + 1);
                return replaces;
            }
        };
        let sequence = turn.next();
        // SAFETY: the turn is for this sequence, which is below the limit; the message is the caller's.
        let replaces = unsafe { ring.write_owned(&turn, sequence, from) };
        ring.sequencer.publish_turn(turn, sequence + 1);
        replaces
    }
}

/// Slots in a row, to be written, and then published.
pub(crate) struct Run<'a, T> {
    reserved: Reserved<'a, T>,
    count: usize,
}

impl<T> Run<'_, T> {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Writes so many messages and publishes them. Gives those they replace to `replaced`. Neither may run
    /// user code: readers wait, and perhaps a publisher.
    #[inline(always)]
    pub(crate) fn write(self, messages: impl Iterator<Item = T>, replaced: impl FnMut(T)) {
        let Self { reserved: Reserved { ring, right }, count } = self;
        let messages = messages.take(count);
        let mut next;
        match right {
            Right::Turn(turn) => {
                next = turn.next();
                let write = |message| {
                    next += 1;
                    let mut message = ManuallyDrop::new(message);
                    // SAFETY: of the `count` sequences from the turn's on, all below the limit.
                    let replaces = unsafe { ring.write_owned(&turn, next - 1, &raw mut *message) };
                    replaces.then(|| ManuallyDrop::into_inner(message))
                };
                messages.filter_map(write).for_each(replaced);
                ring.sequencer.publish_turn(turn, next);
            }
            Right::Claim(first) => {
                next = first;
                let write = |message| {
                    next += 1;
                    let mut message = ManuallyDrop::new(message);
                    // SAFETY: of the `count` sequences that were claimed from `first` on.
                    let replaces = unsafe { ring.write_claimed(next - 1, &raw mut *message) };
                    replaces.then(|| ManuallyDrop::into_inner(message))
                };
                messages.filter_map(write).for_each(replaced);
                assert!(next == first + count as u64, "a message for each slot that was claimed");
                ring.sequencer.sample(first, next);
            }
        }
    }
}

impl<T> Ring<T> {
    /// Writes the message at `from` in the owner's turn, to be published by it. As [`Slots::exchange`].
    ///
    /// # Safety
    /// The sequence is the turn's or a later one, below its limit, and all before it has been written. The
    /// message is the caller's, who takes it for moved.
    #[inline(always)]
    unsafe fn write_owned(&self, turn: &Turn<'_>, sequence: Sequence, from: *mut T) -> bool {
        if sequence + PREFETCH < turn.limit() {
            self.slots.prefetch(sequence + PREFETCH);
        }
        // SAFETY: ours while the turn lasts, and below the limit: every cursor is past its slot, which holds
        // the message of one lap ago. The message is the caller's.
        unsafe { self.slots.exchange(sequence, from) }
    }

    /// Writes the message at `from` at a sequence that the caller has claimed, and publishes it. As
    /// [`Slots::exchange`].
    ///
    /// # Safety
    /// The sequence was claimed by the caller and not written yet. The message is the caller's, who takes it
    /// for moved.
    #[inline(always)]
    unsafe fn write_claimed(&self, sequence: Sequence, from: *mut T) -> bool {
        // SAFETY: claimed, so ours until it is published below, and claimed only after every cursor was
        // past its slot and the message one lap ago was published. The message is the caller's.
        let replaces = unsafe { self.slots.exchange(sequence, from) };
        self.sequencer.publish(sequence);
        replaces
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
