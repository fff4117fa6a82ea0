//! Publishing many messages with few synchronisations.
//!
//! Messages are gathered, for the iterator is user code and must neither run in an owner's turn nor under a
//! claim; then as many as there is room for take one turn, or one compare-and-swap.

use smallvec::SmallVec;

use crate::bus::error::{Closed, PublishBatchError, PublishError};
use crate::bus::publisher::Publisher;
use crate::ring::sequencer::Blocked;

/// The most messages of a batch that are gathered to be published at once.
const GATHERED: usize = 32;
/// Larger messages are not gathered: they lie on the stack.
const LARGE: usize = 1024;
/// The same for tasks, whose futures they make larger.
const GATHERED_ASYNC: usize = 16;

impl<T> Publisher<T> {
    /// Publishes all of them, in order, and lets subscribers see them in runs. Longer than the ring is
    /// fine: waits, like [`publish`](Self::publish), whenever the ring is full.
    ///
    /// Other publishers' messages may come in between. The iterator runs outside every lock and claim:
    /// if it panics, what it gave before is published, and nobody is held up.
    ///
    /// # Errors
    /// The bus got closed; the error has the messages that were not published.
    pub fn publish_batch<I>(&self, messages: I) -> Result<(), PublishBatchError<T>>
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let messages = messages.into_iter();
        if size_of::<T>() <= LARGE {
            self.publish_runs::<GATHERED>(messages)
        } else {
            self.publish_runs::<1>(messages)
        }
    }

    /// Publishes all of them, in order; waits, as a task, whenever the ring is full. See
    /// [`publish_batch`](Self::publish_batch).
    ///
    /// # Errors
    /// The bus got closed; the error has the messages that were not published.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has published the first messages of the batch and dropped the
    /// rest; how many cannot be told.
    ///
    /// # Panics
    /// When the iterator does: what it gave before is published as far as there is room.
    pub async fn publish_batch_async<I>(&self, messages: I) -> Result<(), PublishBatchError<T>>
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let messages = messages.into_iter();
        if size_of::<T>() <= LARGE {
            self.publish_runs_async::<GATHERED_ASYNC>(messages).await
        } else {
            self.publish_runs_async::<1>(messages).await
        }
    }

    fn publish_runs<const N: usize>(
        &self,
        mut messages: impl ExactSizeIterator<Item = T>,
    ) -> Result<(), PublishBatchError<T>> {
        let mut run = Run::<T, N>::new(self);
        while run.gather(&mut messages, |run| _ = run.publish()) {
            run.publish().map_err(|Closed| run.refused(&mut messages))?;
        }
        Ok(())
    }

    /// The same for a task.
    async fn publish_runs_async<const N: usize>(
        &self,
        mut messages: impl ExactSizeIterator<Item = T>,
    ) -> Result<(), PublishBatchError<T>> {
        let mut run = Run::<T, N>::new(self);
        while run.gather(&mut messages, |run| _ = run.try_publish()) {
            while let Err(blocked) = run.try_publish() {
                if blocked == Blocked::Closed || run.publish_first_async().await.is_err() {
                    return Err(run.refused(&mut messages));
                }
            }
        }
        Ok(())
    }
}

/// Messages of a batch that are next to be published.
struct Run<'a, T, const N: usize> {
    publisher: &'a Publisher<T>,
    messages: SmallVec<[T; N]>,
    /// How many have been.
    published: usize,
}

impl<'a, T, const N: usize> Run<'a, T, N> {
    fn new(publisher: &'a Publisher<T>) -> Self {
        Self { publisher, messages: SmallVec::new(), published: 0 }
    }

    /// Gathers the next ones; false if there are none. Where that panics, does `rescue` with what came before.
    #[inline(always)]
    fn gather(&mut self, messages: &mut impl Iterator<Item = T>, rescue: fn(&mut Self)) -> bool {
        struct Rescue<'r, R>(&'r mut R, fn(&mut R));
        impl<R> Drop for Rescue<'_, R> {
            fn drop(&mut self) {
                self.1(self.0);
            }
        }
        let gathering = Rescue(self, rescue);
        gathering.0.messages.extend(messages.take(N));
        let any = !gathering.0.messages.is_empty();
        std::mem::forget(gathering);
        any
    }

    /// Publishes all; waits while the ring is full. On an error `messages` are those left.
    #[inline(always)]
    fn publish(&mut self) -> Result<(), Closed> {
        while let Err(blocked) = self.try_publish() {
            if blocked == Blocked::Closed {
                return Err(Closed);
            }
            self.publish_first()?;
        }
        Ok(())
    }

    /// Publishes as many as there is room for.
    #[inline(always)]
    fn try_publish(&mut self) -> Result<(), Blocked> {
        let core = &*self.publisher.core;
        while !self.messages.is_empty() {
            let slots = core.ring.reserve_run(self.messages.len())?;
            let count = slots.len();
            let mut replaced = SmallVec::<[T; N]>::new();
            slots.write(self.messages.drain(..count), |message| replaced.push(message));
            self.published += count;
            core.announce();
        }
        Ok(())
    }

    /// Publishes the first; waits while the ring is full.
    #[cold]
    fn publish_first(&mut self) -> Result<(), Closed> {
        let message = self.messages.remove(0);
        if let Err(PublishError(message)) = self.publisher.publish(message) {
            self.messages.insert(0, message);
            return Err(Closed);
        }
        self.published += 1;
        Ok(())
    }

    /// The same for a task. Dropped meanwhile, it drops the message.
    async fn publish_first_async(&mut self) -> Result<(), Closed> {
        let message = self.messages.remove(0);
        if let Err(PublishError(message)) = self.publisher.publish_async(message).await {
            self.messages.insert(0, message);
            return Err(Closed);
        }
        self.published += 1;
        Ok(())
    }

    /// What could not be published, with what has not been gathered yet.
    #[cold]
    fn refused(&mut self, rest: &mut impl Iterator<Item = T>) -> PublishBatchError<T> {
        let rest = self.messages.drain(..).chain(rest).collect();
        PublishBatchError { published: self.published, rest }
    }
}
