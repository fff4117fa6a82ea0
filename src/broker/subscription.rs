//! What an in-memory broker's stream is made of: a subscriber of its bus, what it wants of the messages,
//! and whom it tells of them.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::bus::{RecvError, RecvTimeoutError, Subscriber, TryRecvError};
use crate::envelope::{MessageEnvelope, TopicPattern};
use crate::sync::Instant;

/// Messages looked at in place at a time, in search of one that is wanted.
const LOOK_AT: usize = 64;

/// Whom a subscription tells what it receives.
pub(crate) trait Deliveries<M>: Send + Sync {
    fn delivered(&self, envelope: &MessageEnvelope<M>, subscription: &str);
    fn missed(&self, subscription: &str, count: u64);
    fn expired(&self, envelope: MessageEnvelope<M>);
}

/// What a subscription wants of the messages.
pub(crate) struct Wanted<M> {
    pub(crate) pattern: Option<TopicPattern>,
    #[expect(clippy::type_complexity, reason = "said once")]
    pub(crate) filter: Option<Box<dyn FnMut(&MessageEnvelope<M>) -> bool + Send>>,
}

impl<M> Wanted<M> {
    #[inline(always)]
    fn wants(&mut self, envelope: &MessageEnvelope<M>) -> bool {
        let matches = self.pattern.as_ref().is_none_or(|pattern| {
            envelope.metadata.topic.as_ref().is_some_and(|topic| pattern.matches(topic))
        });
        matches && self.filter.as_mut().is_none_or(|filter| filter(envelope))
    }
}

pub(crate) struct Subscription<M> {
    subscriber: Subscriber<MessageEnvelope<M>>,
    wanted: Wanted<M>,
    deliveries: Arc<dyn Deliveries<M>>,
    /// A hook wants to know of every delivery.
    tells_deliveries: bool,
    expired: u64,
    end: Option<RecvError>,
}

impl<M: Clone> Subscription<M> {
    pub(crate) fn new(
        subscriber: Subscriber<MessageEnvelope<M>>,
        wanted: Wanted<M>,
        deliveries: Arc<dyn Deliveries<M>>,
        tells_deliveries: bool,
    ) -> Self {
        Self { subscriber, wanted, deliveries, tells_deliveries, expired: 0, end: None }
    }

    pub(crate) fn try_recv(&mut self) -> Result<MessageEnvelope<M>, TryRecvError> {
        let mut received = None;
        let look = |subscriber: &mut Subscriber<_>| TryRecvError::settle(subscriber.peek());
        self.receive(look, &mut received).transpose()?;
        received.ok_or(TryRecvError::Empty)
    }

    pub(crate) fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<MessageEnvelope<M>, RecvTimeoutError> {
        let (mut received, deadline) = (None, Instant::now().checked_add(timeout));
        let look = |subscriber: &mut Subscriber<_>| subscriber.wait_readable(deadline);
        self.receive(look, &mut received).transpose()?;
        received.ok_or(RecvTimeoutError::Timeout)
    }

    pub(crate) fn recv_blocking(&mut self) -> Option<MessageEnvelope<M>> {
        let mut received = None;
        loop {
            match self.receive(|subscriber| subscriber.wait_readable(None), &mut received)? {
                Ok(()) => return received,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Evicted(_) | RecvError::Closed) => return None,
            }
        }
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<MessageEnvelope<M>>> {
        let mut received = None;
        loop {
            let look = |subscriber: &mut Subscriber<_>| match subscriber.poll_look(cx) {
                Poll::Ready(looked) => Some(looked),
                Poll::Pending => None,
            };
            match self.receive(look, &mut received) {
                Some(Ok(())) => return Poll::Ready(received),
                Some(Err(RecvError::Lagged(_))) => {}
                Some(Err(RecvError::Evicted(_) | RecvError::Closed)) => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
    }

    pub(crate) fn subscriber(&self) -> &Subscriber<MessageEnvelope<M>> {
        &self.subscriber
    }

    pub(crate) fn missed(&self) -> u64 {
        self.subscriber.missed()
    }

    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }

    pub(crate) fn end(&self) -> Option<RecvError> {
        self.end
    }

    pub(crate) fn name(&self) -> &str {
        self.subscriber.name()
    }

    /// Receives the first message that is wanted, whatever way of waiting `look` is; `None` if it finds
    /// nothing. Puts the message where it is wanted, for it may be large.
    #[inline(always)]
    fn receive(
        &mut self,
        mut look: impl FnMut(&mut Subscriber<MessageEnvelope<M>>) -> Option<Result<(), RecvError>>,
        received: &mut Option<MessageEnvelope<M>>,
    ) -> Option<Result<(), RecvError>> {
        loop {
            let taken = look(&mut self.subscriber)?.and_then(|()| self.take(received));
            match (taken, &*received) {
                (Ok(()), None) => {}
                (Ok(()), Some(envelope)) if envelope.metadata.is_expired() => self.expire(received),
                (Ok(()), Some(envelope)) => {
                    if self.tells_deliveries {
                        self.deliveries.delivered(envelope, self.subscriber.name());
                    }
                    return Some(Ok(()));
                }
                (Err(error), _) => {
                    self.note(error);
                    return Some(Err(error));
                }
            }
        }
    }

    /// Takes the first wanted of the messages that a look has found, and passes over those before it.
    #[inline(always)]
    fn take(&mut self, taken: &mut Option<MessageEnvelope<M>>) -> Result<(), RecvError> {
        let mut batch = self.subscriber.take_batch(LOOK_AT)?;
        // The filter and the clone may panic: then what they were called with counts as read.
        for index in 0..batch.len() {
            batch.consume(index + 1);
            if let Some(envelope) =
                batch.iter().nth(index).filter(|message| self.wanted.wants(message))
            {
                let _ = taken.insert(envelope.clone());
                break;
            }
        }
        Ok(())
    }

    #[cold]
    fn expire(&mut self, envelope: &mut Option<MessageEnvelope<M>>) {
        self.expired += 1;
        if let Some(envelope) = envelope.take() {
            self.deliveries.expired(envelope);
        }
    }

    #[cold]
    fn note(&mut self, error: RecvError) {
        match error {
            RecvError::Lagged(count) => self.deliveries.missed(self.subscriber.name(), count),
            RecvError::Evicted(_) | RecvError::Closed => self.end = Some(error),
        }
    }
}

impl<M> fmt::Debug for Subscription<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subscriber.fmt(f)
    }
}
