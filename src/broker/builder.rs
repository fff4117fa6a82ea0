//! Building an in-memory broker, and a subscription to one.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::broker::broker::Message;
use crate::broker::config::{BrokerConfig, Clock, ConfigError, Timer};
use crate::broker::dead_letter::DeadLetters;
use crate::broker::error::BrokerError;
use crate::broker::memory::InMemoryMessageBroker;
use crate::broker::services::Services;
use crate::broker::stream::MessageStream;
use crate::broker::subscription::{Deliveries, Subscription, Wanted};
use crate::bus::{Bus, Start, Subscriber, Upstream};
use crate::envelope::{MessageEnvelope, TopicPattern};
use crate::hook::Hook;
use crate::ring::cursor::Overflow;
use crate::wait::strategy::WaitStrategy;

/// Builds an [`InMemoryMessageBroker`]: see there. Each method sets what is of its name in
/// [`BrokerConfig`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct BrokerBuilder<M, H = ()> {
    config: BrokerConfig,
    hooks: H,
    message: PhantomData<fn(M)>,
}

impl<M: Message> BrokerBuilder<M> {
    pub(crate) fn new() -> Self {
        Self { config: BrokerConfig::default(), hooks: (), message: PhantomData }
    }

    /// Sets its hook, or a tuple of them: see [`Hook`].
    pub fn hooks<H: Hook<M>>(self, hooks: H) -> BrokerBuilder<M, H> {
        BrokerBuilder { config: self.config, hooks, message: PhantomData }
    }
}

impl<M: Message, H: Hook<M>> BrokerBuilder<M, H> {
    /// Sets everything at once.
    pub fn config(mut self, config: BrokerConfig) -> Self {
        self.config = config;
        self
    }

    /// See [`BrokerConfig::capacity`].
    pub fn capacity(mut self, messages: usize) -> Self {
        self.config.capacity = messages;
        self
    }

    /// See [`BrokerConfig::retain`].
    pub fn retain(mut self, messages: usize) -> Self {
        self.config.retain = messages;
        self
    }

    /// See [`BrokerConfig::wait`].
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.config.wait = strategy;
        self
    }

    /// See [`BrokerConfig::pending_requests`].
    pub fn pending_requests(mut self, limit: usize) -> Self {
        self.config.pending_requests = limit;
        self
    }

    /// See [`BrokerConfig::dead_letters`].
    pub fn dead_letters(mut self, capacity: usize) -> Self {
        self.config.dead_letters = capacity;
        self
    }

    /// See [`BrokerConfig::dead_letter_logs`].
    pub fn dead_letter_logs(mut self, per_second: u32) -> Self {
        self.config.dead_letter_logs = per_second;
        self
    }

    /// See [`BrokerConfig::clock`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.config.clock = clock;
        self
    }

    /// See [`BrokerConfig::timer`].
    pub fn timer(mut self, timer: Timer) -> Self {
        self.config.timer = timer;
        self
    }

    /// Builds the broker.
    ///
    /// # Panics
    /// Where [`Self::try_build`] gives an error.
    #[track_caller]
    pub fn build(self) -> InMemoryMessageBroker<M, H> {
        match self.try_build() {
            Ok(broker) => broker,
            Err(error) => panic!("{error}"),
        }
    }

    /// Builds the broker.
    ///
    /// # Errors
    /// A number is out of its range, or there is no memory for what it asks for.
    pub fn try_build(self) -> Result<InMemoryMessageBroker<M, H>, ConfigError> {
        let Self { config, hooks, .. } = self;
        config.validate()?;
        let BrokerConfig { capacity, retain, .. } = config;
        let bus = Bus::builder().capacity(capacity).retain(retain).wait(config.wait.clone());
        let bus = bus.try_build()?;
        let dead_letters = DeadLetters::new(config.dead_letters, config.dead_letter_logs)?;
        Ok(InMemoryMessageBroker::new(bus, Services::new(hooks, dead_letters, config)))
    }
}

/// What a subscription says of itself: see [`InMemoryMessageBroker::subscribe_with`].
///
/// ```
/// use stentor::{InMemoryMessageBroker, MessageEnvelope, Overflow, SubscribeOptions, Topic};
///
/// let broker = InMemoryMessageBroker::<u64>::builder().build();
/// let options = SubscribeOptions::new()
///     .name("large orders")
///     .overflow(Overflow::DropOldest)
///     .topic("orders.>")
///     .filter(|envelope| envelope.message > 1_000);
/// let mut large = broker.subscribe_with(options).unwrap();
///
/// let (orders, news) = (Topic::new("orders.eu").unwrap(), Topic::new("news").unwrap());
/// for (amount, topic) in [(5, &orders), (5_000, &orders), (7_000, &news)] {
///     broker.publish_blocking(MessageEnvelope::new(amount).with_topic(topic)).unwrap();
/// }
/// assert_eq!(large.try_recv().unwrap().message, 5_000);
/// assert!(large.try_recv().is_err());
/// ```
#[must_use = "options do nothing until `subscribe_with`"]
pub struct SubscribeOptions<'a, M> {
    name: Option<String>,
    overflow: Overflow,
    start: Start,
    after: Vec<&'a dyn Upstream<MessageEnvelope<M>>>,
    wanted: Wanted<M>,
    refused: Option<BrokerError<M>>,
}

impl<'a, M: Message> SubscribeOptions<'a, M> {
    /// Every message published from now on, none lost.
    #[expect(clippy::new_without_default, reason = "one way to make them")]
    pub fn new() -> Self {
        Self {
            name: None,
            overflow: Overflow::default(),
            start: Start::default(),
            after: Vec::new(),
            wanted: Wanted { pattern: None, filter: None },
            refused: None,
        }
    }

    /// What metrics, hooks and errors call it. `subscriber-` and a number unless said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What happens when it is in the way of a full ring. [`Overflow::Block`] unless said.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Where it starts. [`Start::Next`] unless said.
    pub fn from(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// It receives a message only once all of these are past it: streams of the broker, subscribers of its
    /// [`bus`](InMemoryMessageBroker::bus), handlers of a router there, a journal's stage.
    pub fn after(mut self, others: &[&'a dyn Upstream<MessageEnvelope<M>>]) -> Self {
        self.after.extend_from_slice(others);
        self
    }

    /// It receives a message only once all of these subscribers of the broker's
    /// [`bus`](InMemoryMessageBroker::bus) are past it. One that reads in place is past a message when it has
    /// dropped the batch: journal before business, say.
    pub fn after_subscribers(mut self, others: &[&'a Subscriber<MessageEnvelope<M>>]) -> Self {
        self.after.extend(others.iter().map(|&other| other as &dyn Upstream<_>));
        self
    }

    /// Only messages whose topic is of this [`TopicPattern`]. Those without a topic are of none.
    pub fn topic(mut self, pattern: &str) -> Self {
        match TopicPattern::new(pattern) {
            Ok(pattern) => self.wanted.pattern = Some(pattern),
            Err(error) => self.refused = Some(error.into()),
        }
        self
    }

    /// Only messages for which this is true. It looks at them in place, where they were published, on the
    /// thread or in the task that receives; what it does not want is not cloned.
    pub fn filter(
        mut self,
        filter: impl FnMut(&MessageEnvelope<M>) -> bool + Send + 'static,
    ) -> Self {
        self.wanted.filter = Some(Box::new(filter));
        self
    }

    pub(crate) fn subscribe(
        self,
        bus: &Bus<MessageEnvelope<M>>,
        deliveries: Arc<dyn Deliveries<M>>,
        tells_deliveries: bool,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let mut subscriber = bus.subscriber().overflow(self.overflow).from(self.start);
        if let Some(name) = self.name {
            subscriber = subscriber.name(name);
        }
        let subscriber = subscriber.after(&self.after).try_subscribe()?;
        let subscription = Subscription::new(subscriber, self.wanted, deliveries, tells_deliveries);
        Ok(MessageStream::new(subscription))
    }
}

impl<M> fmt::Debug for SubscribeOptions<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SubscribeOptions");
        shown.field("name", &self.name).field("overflow", &self.overflow);
        shown.field("start", &self.start).field("topic", &self.wanted.pattern);
        shown.finish_non_exhaustive()
    }
}
