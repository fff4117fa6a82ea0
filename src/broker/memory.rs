//! The broker of one process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::broker::{Message, MessageBroker};
use crate::broker::builder::{BrokerBuilder, SubscribeOptions};
use crate::broker::dead_letter::{DeadLetter, DeadLetterCounts, DeadLetterReason, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::local::LocalBroker;
use crate::broker::metrics::BrokerMetrics;
use crate::broker::publishing::Publishing;
use crate::broker::services::Services;
use crate::broker::stream::MessageStream;
use crate::bus::{Bus, PublishError, Publisher, Subscriber, TryPublishError};
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::Hook;

/// The broker of one process: envelopes go over one [`Bus`], and every subscriber gets them all.
///
/// It needs no runtime, neither to be built nor to run: its futures run on any executor, and threads
/// have methods of their own (`_blocking`, `try_`). Publishing allocates nothing; a broker without hooks costs
/// what its bus does, the making of an envelope, and the look at a clock (see [`Clock`](crate::Clock)).
///
/// It is closed by [`shutdown`](Self::shutdown), or when the last handle is dropped.
///
/// ```
/// use stentor::{InMemoryMessageBroker, MessageBroker, MessageEnvelope};
///
/// # futures_executor::block_on(async {
/// let broker = InMemoryMessageBroker::<&str>::builder().capacity(256).build();
/// let mut stream = broker.subscribe().await.unwrap();
/// broker.publish(MessageEnvelope::new("hello")).await.unwrap();
/// assert_eq!(stream.recv().await.unwrap().message, "hello");
/// # });
/// ```
pub struct InMemoryMessageBroker<M, H = ()> {
    publisher: Publisher<MessageEnvelope<M>>,
    bus: Bus<MessageEnvelope<M>>,
    services: Arc<Services<M, H>>,
}

impl<M: Message> InMemoryMessageBroker<M> {
    /// A broker with what is chosen of it.
    pub fn builder() -> BrokerBuilder<M> {
        BrokerBuilder::new()
    }
}

impl<M: Message, H: Hook<M>> InMemoryMessageBroker<M, H> {
    pub(crate) fn new(bus: Bus<MessageEnvelope<M>>, services: Services<M, H>) -> Self {
        Self { publisher: bus.publisher(), bus, services: Arc::new(services) }
    }

    pub(crate) fn publisher(&self) -> &Publisher<MessageEnvelope<M>> {
        &self.publisher
    }

    pub(crate) fn services(&self) -> &Arc<Services<M, H>> {
        &self.services
    }

    // ===== publishing as a thread =====

    /// Publishes; waits, by the broker's strategy, while a lossless subscriber is a whole ring behind.
    ///
    /// # Errors
    /// It was not published; the error says why, and has it.
    #[inline]
    pub fn publish_blocking(&self, envelope: MessageEnvelope<M>) -> Result<(), BrokerError<M>> {
        self.publish_or(envelope, |envelope, _| {
            let published = self.publisher.publish(envelope);
            published.map_err(|PublishError(envelope)| self.services.closed(envelope))
        })
    }

    /// Publishes if there is room, and never waits for subscribers.
    ///
    /// # Errors
    /// `Full` if there is none; else as [`publish_blocking`](Self::publish_blocking).
    #[inline]
    pub fn try_publish(&self, envelope: MessageEnvelope<M>) -> Result<(), BrokerError<M>> {
        self.publish_or(envelope, |envelope, header| match self.publisher.try_publish(envelope) {
            Ok(()) => Ok(()),
            Err(TryPublishError::Closed(envelope)) => Err(self.services.closed(envelope)),
            Err(TryPublishError::Full(envelope)) => {
                self.services.let_out(header, &Rejection::FULL);
                Err(BrokerError::Full(envelope))
            }
        })
    }

    /// Publishes from where the envelope is, so that it is moved once; `otherwise` does where there is no room, or
    /// no more.
    #[inline(always)]
    fn publish_or(
        &self,
        envelope: MessageEnvelope<M>,
        otherwise: impl FnOnce(MessageEnvelope<M>, &MessageHeader) -> Result<(), BrokerError<M>>,
    ) -> Result<(), BrokerError<M>> {
        let (services, mut message) = (&*self.services, None);
        let envelope = message.insert(envelope);
        let admitted = services.admit(envelope);
        let header = envelope.metadata.header();
        if let Err(refusal) = admitted {
            return message.map_or(Ok(()), |envelope| Err(services.refuse(envelope, refusal)));
        }
        let mut reply = services.reply_in(envelope);
        if self.publisher.publish_from(&mut message).is_err()
            && let Some(envelope) = message
        {
            otherwise(envelope, &header)?;
        }
        services.published(&header);
        services.reply(&mut reply);
        Ok(())
    }

    // ===== subscribing =====

    /// Subscribes: every message published from now on. Publishers go on meanwhile.
    ///
    /// # Errors
    /// None; the signature is that of [`MessageBroker::subscribe`]. The stream of a closed broker ends at
    /// once.
    pub fn subscribe_blocking(&self) -> Result<MessageStream<M>, BrokerError<M>> {
        self.subscribe_with(SubscribeOptions::new())
    }

    /// A subscription that says more of itself. See [`SubscribeOptions`].
    ///
    /// # Errors
    /// The topic is no pattern, or `after` was given a stream of another broker or an evicted one.
    pub fn subscribe_with(
        &self,
        options: SubscribeOptions<'_, M>,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        options.subscribe(&self.bus, Arc::clone(&self.services) as _, H::DELIVERIES)
    }

    // ===== dead letters =====

    /// The dead letters from now on. Its reader may be slow: it then loses the oldest, and is told how
    /// many. It holds nobody up, not even with a [`Batch`](crate::Batch).
    pub fn dead_letters(&self) -> Subscriber<DeadLetter<M>> {
        self.services.dead_letters.subscribe()
    }

    /// Reports a message that nobody will handle: for those who route messages on to others. If it is a
    /// request whose caller still waits, that ends at once, with the reason.
    pub fn report_dead_letter(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        if let Some(table) = self.services.table_if_used() {
            table.refuse(&envelope.metadata, &reason);
        }
        self.services.dead_letter(envelope, reason);
    }

    // ===== the broker itself =====

    /// The bus underneath, to read messages in place, to attach a router, or to look at. What is read there
    /// is not told to the hooks, and expired messages are not kept back. To publish there goes past the hooks,
    /// and replies published there reach no request.
    pub fn bus(&self) -> &Bus<MessageEnvelope<M>> {
        &self.bus
    }

    /// Its hooks.
    pub fn hooks(&self) -> &H {
        &self.services.hooks
    }

    /// How it is doing. Takes the lock of subscribing, never one of publishing or receiving.
    pub fn metrics(&self) -> BrokerMetrics {
        let stats = self.bus.stats();
        let services = &*self.services;
        BrokerMetrics {
            published: stats.published,
            unheard: stats.unheard,
            capacity: stats.capacity,
            waiting_publishers: stats.waiting_publishers,
            closed: stats.closed,
            requests: services.request_metrics(),
            dead_letters: services.dead_letters.counts(),
            subscribers: stats.subscribers,
        }
    }

    /// Shuts the broker down, for good: what is published from now on comes back, streams receive what was
    /// accepted and then end, and requests that wait for their replies end as closed. It does not wait
    /// for that; who reads a stream to its end has read all.
    pub fn shutdown(&self) {
        self.bus.close();
        if let Some(table) = self.services.table_if_used() {
            table.close();
        }
    }

    /// Whether it has been shut down.
    pub fn is_closed(&self) -> bool {
        self.bus.is_closed()
    }
}

impl<M: Message, H: Hook<M>> MessageBroker<M> for InMemoryMessageBroker<M, H> {
    type Error = BrokerError<M>;

    fn publish(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> impl Future<Output = Result<(), BrokerError<M>>> + Send {
        Publishing::new(self, envelope)
    }

    async fn subscribe(&self) -> Result<MessageStream<M>, BrokerError<M>> {
        self.subscribe_blocking()
    }

    fn publish_request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<MessageEnvelope<R>>, BrokerError<M>>> + Send
    where
        R: Message + TryFrom<M>,
    {
        self.publish_request_as(envelope, timeout)
    }

    fn local(&self) -> Option<&dyn LocalBroker<M>> {
        Some(self)
    }
}

impl<M: Message, H: Hook<M>> LocalBroker<M> for InMemoryMessageBroker<M, H> {
    fn bus(&self) -> &Bus<MessageEnvelope<M>> {
        self.bus()
    }

    fn dead_letters(&self) -> Subscriber<DeadLetter<M>> {
        self.dead_letters()
    }

    fn dead_letter_counts(&self) -> DeadLetterCounts {
        self.services.dead_letters.counts()
    }

    fn report_dead_letter(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        self.report_dead_letter(envelope, reason);
    }
}

impl<M, H> Clone for InMemoryMessageBroker<M, H> {
    fn clone(&self) -> Self {
        Self {
            publisher: self.publisher.clone(),
            bus: self.bus.clone(),
            services: Arc::clone(&self.services),
        }
    }
}

impl<M, H> fmt::Debug for InMemoryMessageBroker<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryMessageBroker").field("bus", &self.bus).finish_non_exhaustive()
    }
}
