//! Publishing many messages with few synchronisations.
//!
//! The owner of the lane writes them one after the other and shows them in runs. In the shared phase a run is gathered
//! first, for the iterator is user code and must not run under a claim, and then claimed by one
//! compare-and-swap.

use smallvec::{SmallVec, smallvec};

use crate::bus::error::{Closed, PublishBatchError, PublishError};
use crate::bus::publisher::Publisher;

/// A batch is shown to subscribers every so many messages.
const RUN: usize = 64;
/// The most messages of a batch that are gathered to be claimed at once.
const GATHERED: usize = 32;
/// The most bytes: they lie on the stack.
const MOST_GATHERED: usize = 32 * 1024;

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
        let written = Written(self);
        let mut messages = messages.into_iter();
        let mut published = 0;
        let mut unseen = 0;
        while let Some(message) = messages.next() {
            match self.core.ring.reserve() {
                Some(reserved) => {
                    drop(reserved.write(message, false));
                    published += 1;
                    unseen += 1;
                }
                None => published += self.publish_run(message, &mut messages, published)?,
            }
            if unseen == RUN {
                written.show();
                unseen = 0;
            }
        }
        Ok(())
    }

    /// Publishes the next messages of a batch, after `published` others: one that may have to wait, or
    /// in the shared phase a run of them, claimed at once. Gives their number.
    #[inline(never)]
    fn publish_run(
        &self,
        message: T,
        messages: &mut impl Iterator<Item = T>,
        published: usize,
    ) -> Result<usize, PublishBatchError<T>> {
        let mut run = Run { publisher: self, messages: smallvec![], published: 0 };
        if self.core.ring.is_mine() {
            match self.core.write(message) {
                Ok(()) => return Ok(1),
                Err(refused) => run.messages.push(refused.into_inner()),
            }
            Written(self).show();
        } else {
            run.messages.push(message);
            if size_of::<T>() <= MOST_GATHERED / GATHERED {
                run.messages.extend(messages.take(GATHERED - 1));
            }
        }
        run.publish().map_err(|Closed| {
            let rest = run.messages.drain(..).chain(messages).collect();
            PublishBatchError { published: published + run.published, rest }
        })?;
        Ok(run.published)
    }
}

/// Shows what a batch has written, at the latest when it ends, however it ends.
pub(crate) struct Written<'a, T>(pub(crate) &'a Publisher<T>);

impl<T> Written<'_, T> {
    pub(crate) fn show(&self) {
        self.0.core.ring.flush();
        self.0.core.announce();
    }
}

impl<T> Drop for Written<'_, T> {
    fn drop(&mut self) {
        self.show();
    }
}

/// Messages of a batch that are next to be published. If the batch's iterator panics, what it gave before
/// is still published.
struct Run<'a, T> {
    publisher: &'a Publisher<T>,
    messages: SmallVec<[T; GATHERED]>,
    /// How many have been.
    published: usize,
}

impl<T> Run<'_, T> {
    /// Publishes all; waits while the ring is full. On an error `messages` are those left.
    fn publish(&mut self) -> Result<(), Closed> {
        let core = &*self.publisher.core;
        while !self.messages.is_empty() {
            if self.messages.len() > 1
                && let Ok(mut claimed) = core.ring.claim(self.messages.len())
            {
                let count = claimed.len();
                let gathered = self.messages.drain(..count);
                let replaced: SmallVec<[T; GATHERED]> =
                    gathered.filter_map(|message| claimed.write(message)).collect();
                self.published += count;
                core.announce();
                drop(replaced);
                continue;
            }
            let message = self.messages.remove(0);
            if let Err(PublishError(message)) = self.publisher.publish(message) {
                self.messages.insert(0, message);
                return Err(Closed);
            }
            self.published += 1;
        }
        Ok(())
    }
}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        // Only a panic leaves something; on a closed bus there is nobody to give it back to.
        let _ = self.publish();
    }
}
