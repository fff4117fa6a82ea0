//! Messages read in place.

use std::fmt;
use std::iter::FusedIterator;

use crate::bus::subscriber::Subscriber;
use crate::ring::slots::View;

/// A run of messages, read where they were written. Dropping it moves the subscriber past them.
///
/// While it lives, publishers cannot reuse its slots: they go on until the ring is full and then wait,
/// whatever the subscription's [`Overflow`](crate::Overflow). So do with it what is quick, or copy.
/// It also lives on across [`close`](crate::Bus::close).
///
/// A batch spans at most a quarter of the ring (or 64 messages, if that is more), so that room is given
/// back in pieces, and at most 16 messages of a lossy subscription: read in a loop.
///
/// If it is dropped by a panic it counts as read. If it is leaked, the next read begins with the same
/// messages again.
pub struct Batch<'a, T> {
    subscriber: &'a mut Subscriber<T>,
    /// The first sequence.
    first: u64,
    /// How many messages.
    len: usize,
    /// How many of them count as read when this is dropped.
    consumed: usize,
}

impl<'a, T> Batch<'a, T> {
    /// The subscriber may read `len` messages from `first`, and if it is lossy has begun to.
    pub(crate) fn new(subscriber: &'a mut Subscriber<T>, first: u64, len: usize) -> Self {
        Self { subscriber, first, len, consumed: len }
    }

    /// How many messages; at least one.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a batch has at least one message.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The sequence of the first message: how many the bus had accepted before it.
    pub fn first_sequence(&self) -> u64 {
        self.first
    }

    /// Whether nothing more was waiting when this batch was taken: the moment to flush.
    pub fn is_end_of_batch(&self) -> bool {
        self.first + self.len as u64 >= self.subscriber.known_available()
    }

    /// Only the first `count` messages count as read when the batch is dropped; the next read begins
    /// with the others again.
    ///
    /// # Panics
    /// If `count` is larger than the batch.
    #[track_caller]
    pub fn consume(&mut self, count: usize) {
        let len = self.len;
        assert!(count <= len, "cannot consume {count} messages of a batch of {len}");
        self.consumed = count;
    }

    /// Leaves the messages after the first `len` for the next batch.
    pub(crate) fn truncate(&mut self, len: usize) {
        debug_assert!(len <= self.len);
        self.len = len;
        self.consumed = len;
    }

    /// The messages, in order.
    pub fn iter(&self) -> BatchIter<'_, T> {
        BatchIter {
            slots: self.subscriber.ring().view(),
            next: self.first,
            end: self.first + self.len as u64,
        }
    }
}

impl<T> Drop for Batch<'_, T> {
    fn drop(&mut self) {
        self.subscriber.finish(self.first + self.consumed as u64);
    }
}

impl<T: fmt::Debug> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'b, T> IntoIterator for &'b Batch<'_, T> {
    type Item = &'b T;
    type IntoIter = BatchIter<'b, T>;

    fn into_iter(self) -> BatchIter<'b, T> {
        self.iter()
    }
}

/// The messages of a [`Batch`].
pub struct BatchIter<'b, T> {
    slots: View<'b, T>,
    next: u64,
    end: u64,
}

impl<'b, T> Iterator for BatchIter<'b, T> {
    type Item = &'b T;

    #[inline(always)]
    fn next(&mut self) -> Option<&'b T> {
        (self.next < self.end).then(|| {
            let sequence = self.next;
            self.next += 1;
            // SAFETY: the batch was made of readable sequences, and its subscriber's cursor stays
            // where it is (and reading, if lossy) while the batch is borrowed, that is for `'b`.
            unsafe { self.slots.get(sequence) }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next) as usize;
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for BatchIter<'_, T> {}
impl<T> FusedIterator for BatchIter<'_, T> {}

impl<T> fmt::Debug for BatchIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchIter").field("left", &self.len()).finish()
    }
}
