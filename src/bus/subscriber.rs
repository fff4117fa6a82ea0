//! The subscribing side.

use std::fmt;
use std::sync::Arc as StdArc;

use smallvec::SmallVec;

use crate::bus::batch::Batch;
use crate::bus::core::{Core, Member};
use crate::bus::error::{RecvError, SubscribeError, TryRecvError};
use crate::bus::stats::SubscriberId;
use crate::ring::cursor::{Cursor, IsEvicted, Overflow};
use crate::ring::ring::Ring;
use crate::sync::Arc;
use crate::wait::strategy::Patience;

/// The longest batch of a lossy subscription, which holds the ring while it is read.
const LOSSY_BATCH: u64 = 16;
/// The shortest limit to a lossless batch.
const LEAST_BATCH: u64 = 64;
/// After so many messages in a row a task lets others run.
pub(crate) const COOPERATION: u32 = 128;

/// Reads the messages of a [`Bus`](crate::Bus). Made by [`Bus::subscribe`](crate::Bus::subscribe) or
/// [`Bus::subscriber`](crate::Bus::subscriber).
///
/// Two ways to read, three ways to wait: `recv` clones one message, `read` gives a [`Batch`] of them in
/// place; `try_` never waits, `_timeout` gives up, `_async` waits as a task does. Dropping the
/// subscriber unsubscribes it; publishers that waited for it go on.
pub struct Subscriber<T> {
    pub(crate) core: Arc<Core<T>>,
    member: StdArc<Member>,
    /// The cursors that this one stays behind.
    upstream: SmallVec<[StdArc<Cursor>; 2]>,
    /// The next sequence to read.
    next: u64,
    /// Below this, messages are known to be readable.
    available: u64,
    /// Messages that `Lagged` has told of.
    lagged: u64,
    /// The most messages in a batch.
    most: u64,
    /// How long this thread should yield before it parks.
    pub(crate) patience: Patience,
    /// Messages that a task may still take before it lets others run.
    pub(crate) budget: u32,
    /// Its task has let others run once since it last found a message.
    pub(crate) has_yielded: bool,
    /// A waker of this subscriber's task may be at the doorbell.
    pub(crate) registered: bool,
}

impl<T> Subscriber<T> {
    pub(crate) fn new(
        core: Arc<Core<T>>,
        member: StdArc<Member>,
        upstream: SmallVec<[StdArc<Cursor>; 2]>,
        next: u64,
    ) -> Self {
        let most = if member.cursor.is_lossy() {
            LOSSY_BATCH
        } else {
            (core.ring.capacity() / 4).max(LEAST_BATCH)
        };
        Self {
            core,
            member,
            upstream,
            next,
            available: next,
            lagged: 0,
            most,
            patience: Patience::new(),
            budget: COOPERATION,
            has_yielded: false,
            registered: false,
        }
    }

    /// Receives the next message, and never waits.
    ///
    /// # Errors
    /// `Empty`; `Lagged` once for each loss of a `DropOldest` subscription; `Evicted` for good;
    /// `Closed` for good.
    ///
    /// # Panics
    /// If `T::clone` does; the message then counts as read.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError>
    where
        T: Clone,
    {
        self.peek()?;
        Ok(self.take_one()?)
    }

    /// Takes a batch of at most `max` messages to read in place, and never waits. (A `max` of 0 is
    /// taken for 1.)
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    ///
    /// # Examples
    /// ```
    /// let bus = stentor::Bus::new(8);
    /// let publisher = bus.publisher();
    /// let mut subscriber = bus.subscribe();
    /// publisher.publish_batch(["a", "b", "c"]).unwrap();
    /// let batch = subscriber.try_read(2).unwrap();
    /// assert_eq!(batch.iter().copied().collect::<String>(), "ab");
    /// assert!(!batch.is_end_of_batch());
    /// ```
    #[inline]
    pub fn try_read(&mut self, max: usize) -> Result<Batch<'_, T>, TryRecvError> {
        self.peek()?;
        Ok(self.take_batch(max)?)
    }

    /// Messages published and not read yet.
    pub fn lag(&self) -> u64 {
        self.core.ring.sequencer.head().saturating_sub(self.next)
    }

    /// Messages lost so far, whether or not `Lagged` has told of them already.
    pub fn missed(&self) -> u64 {
        self.reached().1
    }

    /// Where it is, and how many messages it has lost up to there; both as of one look, for a publisher may
    /// move its cursor at any time.
    pub(crate) fn reached(&self) -> (u64, u64) {
        // From the word itself: whoever moves the cursor adds to its count only afterwards.
        let (Ok(at) | Err(IsEvicted(at))) = self.member.cursor.place();
        let at = at.max(self.next);
        (at, self.lagged + (at - self.next))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.member.name
    }

    /// Its id, unique on the bus.
    pub fn id(&self) -> SubscriberId {
        self.member.id
    }

    /// What happens when it is in the way of a full ring.
    pub fn overflow(&self) -> Overflow {
        self.member.cursor.overflow()
    }

    /// The next sequence it will read.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Its subscription.
    pub(crate) fn member(&self) -> &StdArc<Member> {
        &self.member
    }

    pub(crate) fn ring(&self) -> &Ring<T> {
        &self.core.ring
    }

    pub(crate) fn known_available(&self) -> u64 {
        self.available
    }

    /// Looks anew how far it may read, although there was something left to read.
    pub(crate) fn refresh(&mut self) -> Result<(), TryRecvError> {
        self.available = self.next;
        self.peek()
    }

    /// Its cursor, for one that comes after it on the bus of `core`.
    pub(crate) fn follow(&self, core: &Arc<Core<T>>) -> Result<StdArc<Cursor>, SubscribeError> {
        if !Arc::ptr_eq(&self.core, core) {
            return Err(SubscribeError::AfterOtherBus { name: self.member.name.clone() });
        }
        self.member.follow()
    }

    // ===== the way of every message: peek, hold, finish =====

    /// Finds out whether there is something to read: then `available` is beyond `next`.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Result<(), TryRecvError> {
        if self.member.cursor.is_lossy() {
            self.catch_up(self.member.cursor.place())?;
        }
        if self.next < self.available { Ok(()) } else { self.look() }
    }

    /// Makes sure that what `peek` has found stays until `finish`.
    #[inline(always)]
    fn hold(&mut self) -> Result<(), RecvError> {
        if self.member.cursor.is_lossy() { self.hold_lossy() } else { Ok(()) }
    }

    #[inline(never)]
    fn hold_lossy(&mut self) -> Result<(), RecvError> {
        let at = self.member.cursor.begin_read();
        let held = self.catch_up(at);
        if let Err(RecvError::Lagged(_)) = held {
            self.finish(self.next);
        }
        held
    }

    /// Follows its cursor, if a publisher has moved it.
    #[inline(always)]
    fn catch_up(&mut self, at: Result<u64, IsEvicted>) -> Result<(), RecvError> {
        match at {
            Err(IsEvicted(at)) => Err(RecvError::Evicted(at - self.next)),
            Ok(at) if at > self.next => {
                let lost = at - self.next;
                self.next = at;
                self.lagged += lost;
                Err(RecvError::Lagged(lost))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Takes the message that `peek` has found.
    #[inline(always)]
    pub(crate) fn take_one(&mut self) -> Result<T, RecvError>
    where
        T: Clone,
    {
        /// Moves on, also when the clone panics.
        struct Taken<'a, T>(&'a mut Subscriber<T>);
        impl<T> Drop for Taken<'_, T> {
            #[inline(always)]
            fn drop(&mut self) {
                self.0.finish(self.0.next + 1);
            }
        }
        self.hold()?;
        let taken = Taken(self);
        // SAFETY: `peek` found `next` readable, and the cursor stays there until `taken` is dropped.
        Ok(unsafe { taken.0.core.ring.get(taken.0.next) }.clone())
    }

    /// Takes the messages that `peek` has found, at most `max`.
    #[inline(always)]
    pub(crate) fn take_batch(&mut self, max: usize) -> Result<Batch<'_, T>, RecvError> {
        self.hold()?;
        let len = (self.available - self.next).min(self.most).min(max.max(1) as u64);
        let first = self.next;
        Ok(Batch::new(self, first, len as usize))
    }

    /// Looks how far the subscriber may read.
    #[inline(never)]
    fn look(&mut self) -> Result<(), TryRecvError> {
        // Twice: if the stream has ended since the first look, the second finds its last messages.
        for _ in 0..2 {
            let (first, end) = self.core.ring.readable(self.next, self.most);
            if first > self.next {
                // A lossy cursor may be moved by others as well unless it is held.
                self.hold()?;
                self.finish(first);
            }
            self.available = self.upstream_limit(end);
            if self.available > self.next {
                return Ok(());
            }
            match self.core.ring.sequencer.end() {
                None => return Err(TryRecvError::Empty),
                Some(end) if self.next >= end => return Err(TryRecvError::Closed),
                Some(_) => {}
            }
        }
        // Claimed and not written yet, or not passed by those before us: somebody will ring.
        Err(TryRecvError::Empty)
    }

    /// How far those that come before have got, at most `end`.
    #[inline(always)]
    fn upstream_limit(&self, end: u64) -> u64 {
        let places = self.upstream.iter().filter_map(|cursor| cursor.position());
        places.fold(end, u64::min)
    }

    /// Everything below `next` has been read.
    #[inline(always)]
    pub(crate) fn finish(&mut self, next: u64) {
        self.next = next;
        let cursor = &self.member.cursor;
        if cursor.is_lossy() {
            cursor.end_read(next);
        } else {
            cursor.advance(next);
        }
        self.core.room.ring();
        if cursor.is_followed() {
            self.core.arrivals.ring();
        }
    }
}

impl<T> Drop for Subscriber<T> {
    fn drop(&mut self) {
        if self.registered {
            self.core.arrivals.cancel(self.member.id.0);
        }
        self.core.leave(&self.member);
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Subscriber");
        shown.field("name", &self.name()).field("next", &self.next).field("lag", &self.lag());
        shown.finish_non_exhaustive()
    }
}
