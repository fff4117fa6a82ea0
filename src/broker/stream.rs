//! The subscribing side of a broker.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;

use crate::broker::subscription::Subscription;
use crate::bus::upstream::follow::{Follow, On, Place};
use crate::bus::{RecvError, RecvTimeoutError, SubscribeError, TryRecvError, Upstream};
use crate::envelope::MessageEnvelope;
use crate::sync::Instant;
use crate::wait::block_on::block_on;
use crate::wait::strategy::WaitStrategy;

/// The messages of one subscription, in order. Dropping it unsubscribes.
///
/// It is a [`Stream`], too. What a lossy subscription has missed is told by [`try_recv`](Self::try_recv) at once,
/// counted by [`missed`](Self::missed) and reported to the broker's hooks. When the stream has
/// ended, [`end`](Self::end) says why.
///
/// ```
/// use stentor::{InMemoryMessageBroker, MessageEnvelope};
///
/// let broker = InMemoryMessageBroker::<&str>::builder().build();
/// let mut stream = broker.subscribe_blocking().unwrap();
/// broker.publish_blocking(MessageEnvelope::new("hello")).unwrap();
/// drop(broker);
/// assert_eq!(stream.recv_blocking().unwrap().message, "hello");
/// assert!(stream.recv_blocking().is_none());
/// ```
#[must_use = "dropping a stream unsubscribes it"]
pub struct MessageStream<M> {
    source: Source<M>,
}

enum Source<M> {
    /// An in-memory broker.
    Memory(Subscription<M>),
    /// Another backend.
    Other { stream: Pin<Box<dyn Stream<Item = MessageEnvelope<M>> + Send>>, ended: bool },
}

impl<M: Clone> MessageStream<M> {
    pub(crate) fn new(subscription: Subscription<M>) -> Self {
        Self { source: Source::Memory(subscription) }
    }

    /// A stream of another backend's messages, for those who implement one.
    pub fn from_stream(stream: impl Stream<Item = MessageEnvelope<M>> + Send + 'static) -> Self {
        Self { source: Source::Other { stream: Box::pin(stream), ended: false } }
    }

    /// Receives the next message; waits, as a task, until there is one. `None` when the stream has
    /// ended. Goes on behind the gap where messages were missed.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future has received nothing: the message stays for the next call.
    pub fn recv(&mut self) -> impl Future<Output = Option<MessageEnvelope<M>>> {
        poll_fn(|cx| self.poll_recv(cx))
    }

    /// Receives the next message; waits, as a thread, until there is one. `None` when the stream has ended.
    /// Goes on behind the gap where messages were missed.
    pub fn recv_blocking(&mut self) -> Option<MessageEnvelope<M>> {
        match &mut self.source {
            Source::Memory(subscription) => subscription.recv_blocking(),
            Source::Other { .. } => block_on(self.recv(), &WaitStrategy::default(), None)?,
        }
    }

    /// Receives the next message; waits, as a thread, for at most `timeout`.
    ///
    /// # Errors
    /// `Timeout`; `Lagged` once for each loss; `Evicted` or `Closed` for good.
    pub fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<MessageEnvelope<M>, RecvTimeoutError> {
        match &mut self.source {
            Source::Memory(subscription) => subscription.recv_timeout(timeout),
            Source::Other { .. } => {
                let deadline = Instant::now().checked_add(timeout);
                match block_on(self.recv(), &WaitStrategy::default(), deadline) {
                    Some(received) => received.ok_or(RecvTimeoutError::Closed),
                    None => Err(RecvTimeoutError::Timeout),
                }
            }
        }
    }

    /// Receives the next message, and never waits.
    ///
    /// # Errors
    /// `Empty`; `Lagged` once for each loss; `Evicted` or `Closed` for good.
    pub fn try_recv(&mut self) -> Result<MessageEnvelope<M>, TryRecvError> {
        match &mut self.source {
            Source::Memory(subscription) => subscription.try_recv(),
            Source::Other { .. } => {
                let mut cx = Context::from_waker(Waker::noop());
                match self.poll_recv(&mut cx) {
                    Poll::Ready(Some(envelope)) => Ok(envelope),
                    Poll::Ready(None) => Err(TryRecvError::Closed),
                    Poll::Pending => Err(TryRecvError::Empty),
                }
            }
        }
    }

    /// Messages lost so far, because the subscription may lose them and was a whole ring behind.
    pub fn missed(&self) -> u64 {
        match &self.source {
            Source::Memory(subscription) => subscription.missed(),
            Source::Other { .. } => 0,
        }
    }

    /// Messages that were not received because they had expired; each is a dead letter.
    pub fn expired(&self) -> u64 {
        match &self.source {
            Source::Memory(subscription) => subscription.expired(),
            Source::Other { .. } => 0,
        }
    }

    /// Why the stream has ended, once it has: `Closed`, or `Evicted` with the number of messages it had
    /// not read.
    pub fn end(&self) -> Option<RecvError> {
        match &self.source {
            Source::Memory(subscription) => subscription.end(),
            Source::Other { ended, .. } => ended.then_some(RecvError::Closed),
        }
    }

    /// Its name; empty for another backend's stream.
    pub fn name(&self) -> &str {
        match &self.source {
            Source::Memory(subscription) => subscription.name(),
            Source::Other { .. } => "",
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<MessageEnvelope<M>>> {
        match &mut self.source {
            Source::Memory(subscription) => subscription.poll_recv(cx),
            Source::Other { ended: true, .. } => Poll::Ready(None),
            Source::Other { stream, ended } => {
                let polled = stream.as_mut().poll_next(cx);
                *ended = matches!(polled, Poll::Ready(None));
                polled
            }
        }
    }
}

impl<M: Clone> Upstream<MessageEnvelope<M>> for MessageStream<M> {}

impl<M: Clone> Follow<MessageEnvelope<M>> for MessageStream<M> {
    fn place(&self, on: On<'_, MessageEnvelope<M>>) -> Place {
        match &self.source {
            Source::Memory(subscription) => subscription.subscriber().place(on),
            Source::Other { .. } => {
                Place(Err(SubscribeError::AfterOtherBus { name: self.name().to_owned() }))
            }
        }
    }
}

impl<M: Clone> Stream for MessageStream<M> {
    type Item = MessageEnvelope<M>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<MessageEnvelope<M>>> {
        self.poll_recv(cx)
    }
}

impl<M> Unpin for MessageStream<M> {}

impl<M> fmt::Debug for MessageStream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Memory(subscription) => {
                f.debug_tuple("MessageStream").field(subscription).finish()
            }
            Source::Other { .. } => f.debug_struct("MessageStream").finish_non_exhaustive(),
        }
    }
}
