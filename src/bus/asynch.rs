//! The handles' methods that wait as a task does: on any executor, for they need only its waker.
//!
//! A task that finds nothing first lets the others run once (it wakes itself), since those may well be
//! about to publish or to read, and only then registers at the doorbell.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use crate::bus::batch::Batch;
use crate::bus::core::Core;
use crate::bus::error::{PublishError, RecvError, TryPublishError, TryRecvError};
use crate::bus::publisher::Publisher;
use crate::bus::subscriber::{COOPERATION, Subscriber};
#[cfg(feature = "broker")]
use crate::ring::sequencer::Blocked;
use crate::wait::doorbell::{Doorbell, Key, Sleeper};

/// Polls `attempt` on `state`: now, once more after the other tasks have run, then whenever the
/// doorbell of the state rings.
fn poll_at<S, R>(
    state: &mut S,
    bell: impl Fn(&S) -> &Doorbell,
    key: Key,
    has_yielded: &mut bool,
    cx: &mut Context<'_>,
    attempt: impl Fn(&mut S) -> Option<R>,
) -> Poll<R> {
    let mut found = attempt(state);
    if found.is_none() {
        if !std::mem::replace(has_yielded, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        bell(state).register(key, Sleeper::Task(cx.waker().clone()));
        found = attempt(state);
        if found.is_some() {
            bell(state).cancel(key);
        }
    }
    match found {
        Some(found) => {
            *has_yielded = false;
            Poll::Ready(found)
        }
        None => Poll::Pending,
    }
}

/// A message that waits for room.
struct Unsent<'a, T> {
    core: &'a Core<T>,
    message: &'a mut Option<T>,
}

impl<T> Unsent<'_, T> {
    fn poll(
        &mut self,
        key: Key,
        has_yielded: &mut bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError<T>>> {
        let attempt = |unsent: &mut Self| unsent.core.try_publish_from(unsent.message);
        poll_at(self, |unsent| &unsent.core.room, key, has_yielded, cx, attempt)
    }
}

/// Takes a task's waker off the doorbell when its future is dropped.
struct Waiting<'a, T> {
    publisher: &'a Publisher<T>,
    wait: RoomWait,
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.publisher.cancel_wait(&mut self.wait);
    }
}

/// How far a task has got with waiting for room.
#[derive(Default)]
pub(crate) struct RoomWait {
    key: Option<Key>,
    has_yielded: bool,
}

impl<T> Publisher<T> {
    /// Publishes `message`, if it is there and there is room; otherwise leaves it where it is.
    #[cfg(feature = "broker")]
    #[inline(always)]
    pub(crate) fn publish_from(&self, message: &mut Option<T>) -> Result<(), Blocked> {
        self.core.publish_from(message)
    }

    /// The same for futures that are written by hand: without room it leaves the task's waker as well.
    #[cfg(feature = "broker")]
    #[inline(always)]
    pub(crate) fn poll_publish(
        &self,
        message: &mut Option<T>,
        wait: &mut RoomWait,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError<T>>> {
        match self.core.publish_from(message) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(_) => self.poll_publish_slowly(message, wait, cx),
        }
    }

    #[inline(never)]
    fn poll_publish_slowly(
        &self,
        message: &mut Option<T>,
        wait: &mut RoomWait,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError<T>>> {
        let key = *wait.key.get_or_insert_with(|| self.core.new_key());
        Unsent { core: &self.core, message }.poll(key, &mut wait.has_yielded, cx)
    }

    /// The task does not wait any more.
    #[inline(always)]
    pub(crate) fn cancel_wait(&self, wait: &mut RoomWait) {
        if let Some(key) = wait.key.take() {
            self.core.room.cancel(key);
        }
    }
}

impl<T> Publisher<T> {
    /// Publishes; waits, as a task, while a lossless subscriber is a whole ring behind.
    ///
    /// # Errors
    /// The bus is (or gets) closed; the message comes back.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has published nothing (the message is dropped with it).
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let bus = stentor::Bus::new(16);
    /// let publisher = bus.publisher();
    /// let mut subscriber = bus.subscribe();
    /// publisher.publish_async("hello").await.unwrap();
    /// assert_eq!(subscriber.recv_async().await, Ok("hello"));
    /// # });
    /// ```
    pub async fn publish_async(&self, message: T) -> Result<(), PublishError<T>> {
        match self.core.try_publish(message) {
            Ok(()) => Ok(()),
            Err(TryPublishError::Closed(message)) => Err(PublishError(message)),
            Err(TryPublishError::Full(message)) => self.publish_later(message).await,
        }
    }

    async fn publish_later(&self, message: T) -> Result<(), PublishError<T>> {
        let mut message = Some(message);
        let mut waiting = Waiting { publisher: self, wait: RoomWait::default() };
        poll_fn(|cx| self.poll_publish_slowly(&mut message, &mut waiting.wait, cx)).await
    }
}

/// A `Publisher` as a `Sink`: `start_send` publishes at once where there is room, else keeps the one
/// message until `poll_ready` or `poll_flush` finds some. Dropping the publisher drops that message.
impl<T> Sink<T> for Publisher<T>
where
    T: Unpin,
{
    type Error = PublishError<T>;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError<T>>> {
        let Self { core, unsent, sink_key } = &mut *self;
        if unsent.is_none() {
            return Poll::Ready(Ok(()));
        }
        let key = *sink_key.get_or_insert_with(|| core.new_key());
        Unsent { core, message: unsent }.poll(key, &mut true, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: T) -> Result<(), PublishError<T>> {
        debug_assert!(self.unsent.is_none(), "start_send without poll_ready");
        match self.core.try_publish(message) {
            Ok(()) => Ok(()),
            Err(TryPublishError::Closed(message)) => Err(PublishError(message)),
            Err(TryPublishError::Full(message)) => {
                self.unsent = Some(message);
                Ok(())
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError<T>>> {
        self.poll_ready(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError<T>>> {
        self.poll_ready(cx)
    }
}

/// Takes a subscriber's waker off the doorbell when its future is dropped.
struct Listening<'a, T>(&'a mut Subscriber<T>);

impl<T> Drop for Listening<'_, T> {
    fn drop(&mut self) {
        self.0.forget_waker();
    }
}

impl<T> Subscriber<T> {
    /// Receives the next message; waits, as a task, until there is one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has received nothing: the message stays for the next call.
    pub async fn recv_async(&mut self) -> Result<T, RecvError>
    where
        T: Clone,
    {
        self.readable().await?;
        self.take_one()
    }

    /// Takes a batch of at most `max` messages to read in place; waits, as a task, until there is at
    /// least one.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// As [`recv_async`](Self::recv_async).
    pub async fn read_async(&mut self, max: usize) -> Result<Batch<'_, T>, RecvError> {
        self.readable().await?;
        self.take_batch(max)
    }

    /// Waits until there is something to read.
    async fn readable(&mut self) -> Result<(), RecvError> {
        if let Some(found) = self.peek_within_budget() {
            return found;
        }
        let listening = Listening(self);
        poll_fn(|cx| listening.0.poll_readable(cx)).await
    }

    /// What `peek` finds, unless it is time to let other tasks run.
    fn peek_within_budget(&mut self) -> Option<Result<(), RecvError>> {
        self.budget = self.budget.checked_sub(1)?;
        let found = TryRecvError::settle(self.peek())?;
        self.has_yielded = false;
        Some(found)
    }

    /// As [`readable`](Self::readable), for one who polls and leaves the waker where it is.
    pub(crate) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RecvError>> {
        match self.peek_within_budget() {
            Some(found) => Poll::Ready(found),
            None if self.budget > 0 && !self.has_yielded => self.let_others_run(cx),
            None => self.poll_readable(cx),
        }
    }

    /// Wakes its own task, so that others run first.
    fn let_others_run<R>(&mut self, cx: &Context<'_>) -> Poll<R> {
        self.budget = COOPERATION;
        self.has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RecvError>> {
        if self.budget == 0 {
            return self.let_others_run(cx);
        }
        self.budget = COOPERATION;
        let key = self.id().0;
        let mut has_yielded = self.has_yielded;
        let attempt = |subscriber: &mut Self| TryRecvError::settle(subscriber.peek());
        let polled = poll_at(self, |s| &s.core.arrivals, key, &mut has_yielded, cx, attempt);
        self.has_yielded = has_yielded;
        self.registered = polled.is_pending();
        polled
    }

    fn forget_waker(&mut self) {
        if std::mem::take(&mut self.registered) {
            self.core.arrivals.cancel(self.id().0);
        }
    }
}

impl<T: Clone> Stream for Subscriber<T> {
    type Item = T;

    /// The next message. Ends when the bus is closed and drained, or the subscription evicted; what a
    /// `DropOldest` subscription loses on the way is counted in [`missed`](Subscriber::missed).
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            match ready!(self.poll_look(cx)).and_then(|()| self.take_one()) {
                Ok(message) => return Poll::Ready(Some(message)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Evicted(_) | RecvError::Closed) => return Poll::Ready(None),
            }
        }
    }
}
