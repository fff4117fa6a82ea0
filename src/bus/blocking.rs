//! The handles' methods that wait as a thread does.

use std::time::Duration;

use crate::bus::batch::Batch;
use crate::bus::error::{
    Closed, PublishError, PublishTimeoutError, RecvError, RecvTimeoutError, TryPublishError,
    TryPublishWithError, TryRecvError,
};
use crate::bus::publisher::Publisher;
use crate::bus::subscriber::Subscriber;
use crate::ring::sequencer::Blocked;
use crate::sync::Instant;
use crate::wait::strategy::Patience;
use crate::wait::thread::wait;

/// Looks at a full ring that ask for room for a batch; after so many any room will do, for a
/// subscriber may have its reasons to stop after one message.
const AMPLE_LOOKS: u32 = 32;

/// When a wait that begins now is over; `None` if that is beyond what the clock can say.
fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

impl<T> Publisher<T> {
    /// Publishes; waits, by the bus's strategy, while a lossless subscriber is a whole ring behind.
    ///
    /// # Errors
    /// The bus is (or gets) closed; the message comes back.
    #[inline]
    pub fn publish(&self, message: T) -> Result<(), PublishError<T>> {
        self.core.publish_or(message, |message, blocked| self.publish_refused(message, blocked))
    }

    #[cold]
    fn publish_refused(&self, message: T, blocked: Blocked) -> Result<(), PublishError<T>> {
        match blocked {
            Blocked::Closed => Err(PublishError(message)),
            Blocked::Full => self
                .publish_waiting(message, None)
                .map_err(|error| PublishError(error.into_inner())),
        }
    }

    /// Publishes; waits for at most `timeout` while the ring is full.
    ///
    /// # Errors
    /// `Timeout` or `Closed`; both give the message back.
    pub fn publish_timeout(
        &self,
        message: T,
        timeout: Duration,
    ) -> Result<(), PublishTimeoutError<T>> {
        match self.core.try_publish(message) {
            Ok(()) => Ok(()),
            Err(TryPublishError::Closed(message)) => Err(PublishTimeoutError::Closed(message)),
            Err(TryPublishError::Full(message)) => self.publish_waiting(message, deadline(timeout)),
        }
    }

    #[cold]
    fn publish_waiting(
        &self,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), PublishTimeoutError<T>> {
        let mut message = Some(message);
        let attempt = || self.core.try_publish_from(&mut message);
        let published = self.wait_for_room(deadline, attempt);
        match (published, message) {
            (Some(published), _) => {
                published.map_err(|PublishError(back)| PublishTimeoutError::Closed(back))
            }
            (None, Some(message)) => Err(PublishTimeoutError::Timeout(message)),
            (None, None) => unreachable!("a look that finds no room puts the message back"),
        }
    }

    /// Waits until `attempt` succeeds, trying it when there seems to be room.
    fn wait_for_room<R>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let key = self.core.new_key();
        let mut looks = 0;
        let look = |publisher: &mut &Self, before_sleep: bool| {
            looks += 1;
            let picky = looks < AMPLE_LOOKS && !before_sleep && !publisher.is_closed();
            if picky && !publisher.core.has_ample_room() { None } else { attempt() }
        };
        let mut patience = Patience::new();
        wait(
            &mut &*self,
            |publisher| (&publisher.core.room, &publisher.core.strategy),
            key,
            &mut patience,
            deadline,
            look,
        )
    }

    /// Publishes a message that `write` writes in place; waits while the ring is full. See
    /// [`try_publish_with`](Self::try_publish_with).
    ///
    /// # Errors
    /// The bus is (or gets) closed; `write` was not called.
    pub fn publish_with(&self, write: impl FnOnce(&mut T)) -> Result<(), Closed>
    where
        T: Default,
    {
        let mut write = Some(write);
        let mut attempt = || {
            let tried = self.try_publish_with(|slot| {
                if let Some(write) = write.take() {
                    write(slot);
                }
            });
            match tried {
                Ok(()) => Some(Ok(())),
                Err(TryPublishWithError::Closed) => Some(Err(Closed)),
                Err(TryPublishWithError::Full) => None,
            }
        };
        if let Some(done) = attempt() {
            return done;
        }
        self.wait_for_room(None, attempt).unwrap_or(Err(Closed))
    }
}

impl<T> Subscriber<T> {
    /// Receives the next message; waits, by the bus's strategy, until there is one.
    ///
    /// # Errors
    /// `Lagged` once for each loss of a `DropOldest` subscription; `Evicted` or `Closed` for good.
    ///
    /// # Panics
    /// If `T::clone` does; the message then counts as read.
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError>
    where
        T: Clone,
    {
        self.wait_readable(None).unwrap_or(Err(RecvError::Closed))?;
        self.take_one()
    }

    /// Receives the next message; waits for at most `timeout`.
    ///
    /// # Errors
    /// `Timeout`, or as [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError>
    where
        T: Clone,
    {
        self.wait_readable(deadline(timeout)).ok_or(RecvTimeoutError::Timeout)??;
        Ok(self.take_one()?)
    }

    /// Takes a batch of at most `max` messages to read in place; waits until there is at least one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn read(&mut self, max: usize) -> Result<Batch<'_, T>, RecvError> {
        self.wait_readable(None).unwrap_or(Err(RecvError::Closed))?;
        self.take_batch(max)
    }

    /// As [`read`](Self::read); waits for at most `timeout`.
    ///
    /// # Errors
    /// `Timeout`, or as [`recv`](Self::recv).
    pub fn read_timeout(
        &mut self,
        max: usize,
        timeout: Duration,
    ) -> Result<Batch<'_, T>, RecvTimeoutError> {
        self.wait_readable(deadline(timeout)).ok_or(RecvTimeoutError::Timeout)??;
        Ok(self.take_batch(max)?)
    }

    /// Waits until a look settles the matter; `None` if the deadline comes first.
    #[inline]
    pub(crate) fn wait_readable(
        &mut self,
        deadline: Option<Instant>,
    ) -> Option<Result<(), RecvError>> {
        match TryRecvError::settle(self.peek()) {
            Some(found) => Some(found),
            None => self.wait_slowly(deadline),
        }
    }

    /// As [`read`](Self::read), until `is_over`; who makes it so rings the bus's bell for arrivals. `None`
    /// then.
    #[cfg(feature = "journal")]
    pub(crate) fn read_until(
        &mut self,
        max: usize,
        is_over: impl Fn() -> bool,
    ) -> Option<Result<Batch<'_, T>, RecvError>> {
        let look = |subscriber: &mut Self| {
            if is_over() {
                return Some(None);
            }
            TryRecvError::settle(subscriber.peek()).map(Some)
        };
        let found = match look(self) {
            Some(found) => found,
            None => self.wait_for(None, look).flatten(),
        };
        Some(found?.and_then(|()| self.take_batch(max)))
    }

    /// Reads nothing until `is_over`; who makes it so rings the bus's bell for arrivals.
    #[cfg(feature = "journal")]
    pub(crate) fn rest_until(&mut self, is_over: impl Fn() -> bool) {
        if !is_over() {
            self.wait_for(None, |_| is_over().then_some(()));
        }
    }

    #[inline(never)]
    fn wait_slowly(&mut self, deadline: Option<Instant>) -> Option<Result<(), RecvError>> {
        self.wait_for(deadline, |subscriber| TryRecvError::settle(subscriber.peek()))
    }

    /// Waits until a look finds something; `None` if the deadline comes first.
    fn wait_for<R>(
        &mut self,
        deadline: Option<Instant>,
        mut look: impl FnMut(&mut Self) -> Option<R>,
    ) -> Option<R> {
        let mut patience = self.patience;
        let key = self.id().0;
        let found = wait(
            self,
            |subscriber| (&subscriber.core.arrivals, &subscriber.core.strategy),
            key,
            &mut patience,
            deadline,
            |subscriber, _| look(subscriber),
        );
        self.patience = patience;
        found
    }
}

impl<T: Clone> Iterator for Subscriber<T> {
    type Item = T;

    /// The next message; waits for it. Ends when the bus is closed and drained, or the subscription
    /// evicted; what a `DropOldest` subscription loses on the way is counted in
    /// [`missed`](Subscriber::missed).
    fn next(&mut self) -> Option<T> {
        loop {
            match self.recv() {
                Ok(message) => return Some(message),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Evicted(_) | RecvError::Closed) => return None,
            }
        }
    }
}
