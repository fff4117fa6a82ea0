//! Sequences, and the three kinds of word that carry them between threads.
//!
//! The n-th message of a bus has sequence n, counted from 0, and lies in slot `n % capacity`.
//! At a billion messages a second 2^60 sequences last for 36 years, so they never wrap.

use crate::sync::{AtomicU64, Ordering, raise};

/// The number of a message, or of the place after the last one.
pub(crate) type Sequence = u64;

/// The end of what the owner of the lane has published, or of what a publisher in the shared phase has
/// found stamped: everything below it may be read.
pub(crate) struct Published(AtomicU64);

impl Published {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// SYNC POINT messages/published: makes every slot below `end` visible to [`Self::end`].
    #[inline(always)]
    pub(crate) fn set(&self, end: Sequence) {
        self.0.store(end, Ordering::Release);
    }

    /// The same, unless it is there already: for those who are not the owner, and may be late.
    /// SYNC POINT messages/published, with the stamps that the caller has seen.
    pub(crate) fn raise(&self, end: Sequence) {
        raise(&self.0, end);
    }

    /// SYNC POINT messages/published: sees every slot below the result.
    #[inline(always)]
    pub(crate) fn end(&self) -> Sequence {
        self.0.load(Ordering::Acquire)
    }
}

/// The mark beside a slot: which message it holds, plus one. Written in the shared phase only.
///
/// A full sequence rather than a lap parity: it can neither be mistaken for that of another lap nor
/// wrap, however long the owner's phases are, in which no stamp is written.
pub(crate) struct Stamp(AtomicU64);

impl Stamp {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// SYNC POINT messages/stamp: makes the slot visible to [`Self::holds`].
    #[inline(always)]
    pub(crate) fn set(&self, sequence: Sequence) {
        self.0.store(sequence + 1, Ordering::Release);
    }

    /// SYNC POINT messages/stamp: sees the slot where the answer is yes.
    #[inline(always)]
    pub(crate) fn holds(&self, sequence: Sequence) -> bool {
        self.0.load(Ordering::Acquire) == sequence + 1
    }
}

/// What the claim word says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim(u64);

impl Claim {
    /// A thread owns the lane: sequences are taken there, and the rest of the word is out of date.
    const OWNED: u64 = 1 << 62;
    /// The bus is closed: nothing will be claimed any more.
    const CLOSED: u64 = 1 << 63;

    /// The next sequence to be claimed.
    pub(crate) fn sequence(self) -> Sequence {
        self.0 & !(Self::OWNED | Self::CLOSED)
    }

    /// Sequences can be claimed.
    #[inline(always)]
    pub(crate) fn is_open(self) -> bool {
        self.0 < Self::OWNED
    }

    pub(crate) fn is_owned(self) -> bool {
        self.0 & Self::OWNED != 0
    }

    pub(crate) fn is_closed(self) -> bool {
        self.0 & Self::CLOSED != 0
    }
}

/// The word that publishers claim sequences from in the shared phase.
pub(crate) struct Claimed(AtomicU64);

impl Claimed {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// SYNC POINT phase/claimed: sees what the publisher did that brought the word here.
    #[inline(always)]
    pub(crate) fn look(&self) -> Claim {
        Claim(self.0.load(Ordering::Acquire))
    }

    /// Claims `count` sequences from the one in `seen`; fails if the word has changed since.
    #[inline(always)]
    pub(crate) fn claim(&self, seen: Claim, count: u64) -> bool {
        self.replace(seen, seen.0 + count)
    }

    /// Stops all claiming, because one thread means to own the lane.
    pub(crate) fn own(&self, seen: Claim) -> bool {
        self.replace(seen, seen.0 | Claim::OWNED)
    }

    /// Lets everybody claim again, from `next` on.
    /// SYNC POINT phase/claimed: hands on what the owner has written.
    pub(crate) fn share(&self, next: Sequence) {
        self.0.store(next, Ordering::Release);
    }

    /// Stops all claiming for good.
    pub(crate) fn close(&self) {
        self.0.fetch_or(Claim::CLOSED, Ordering::AcqRel);
    }

    /// SYNC POINT phase/claimed, both sides: later claimers see what earlier ones saw.
    #[inline(always)]
    fn replace(&self, seen: Claim, with: u64) -> bool {
        self.0.compare_exchange(seen.0, with, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}
