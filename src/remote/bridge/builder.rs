//! Building a bridge.

use std::fmt;
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use crate::broker::LinkedBroker;
use crate::broker::{BoxError, InMemoryMessageBroker, Message, MessageBroker, MessageStream};
use crate::envelope::TopicPattern;
use crate::hook::Hook;
use crate::remote::bridge::bridge::{Bridge, Lag};
use crate::remote::bridge::carried::Carried;
use crate::remote::bridge::counts::Counts;
use crate::remote::bridge::error::BridgeError;
use crate::remote::bridge::exporter::Exporter;
use crate::remote::bridge::importer::Importer;
use crate::remote::bridge::intake::{Intake, Wanted};
use crate::remote::bridge::patterns::Patterns;
use crate::remote::bridge::policy::BridgePolicy;
use crate::remote::bridge::window::Window;

/// What is chosen of a [`Bridge`]: see there.
#[must_use = "a builder does nothing until `start`"]
pub struct BridgeBuilder<M: Message, H: Hook<M>, R> {
    local: InMemoryMessageBroker<M, H>,
    remote: R,
    name: String,
    exports: Patterns,
    imports: Patterns,
    /// Both.
    shared: Patterns,
    from: Option<MessageStream<M>>,
    policy: BridgePolicy,
    in_flight: usize,
    refused: Option<BridgeError>,
}

impl<M: Message, H: Hook<M>, R: MessageBroker<M>> BridgeBuilder<M, H, R> {
    pub(crate) fn new(local: InMemoryMessageBroker<M, H>, remote: R) -> Self {
        Self {
            local,
            remote,
            name: "bridge".into(),
            exports: Patterns::default(),
            imports: Patterns::default(),
            shared: Patterns::default(),
            from: None,
            policy: BridgePolicy::default(),
            in_flight: 256,
            refused: None,
        }
    }

    /// What metrics and the ring's statistics call it. `bridge` unless said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Exports what is about a topic of this [`TopicPattern`].
    pub fn export(mut self, pattern: &str) -> Self {
        self.add(pattern, |builder| &mut builder.exports);
        self
    }

    /// Imports what is about a topic of this [`TopicPattern`]. With several patterns the bridge subscribes to the
    /// one that begins with the words that all of them begin with, for that keeps the order, and drops what is of
    /// none of them.
    pub fn import(mut self, pattern: &str) -> Self {
        self.add(pattern, |builder| &mut builder.imports);
        self
    }

    /// Both: who share a pattern are one bus, as far as that goes.
    pub fn share(mut self, pattern: &str) -> Self {
        self.add(pattern, |builder| &mut builder.shared);
        self
    }

    /// Exports everything, also what has no topic.
    pub fn export_all(mut self) -> Self {
        self.exports.add_everything();
        self
    }

    /// Imports everything, also what has no topic.
    pub fn import_all(mut self) -> Self {
        self.imports.add_everything();
        self
    }

    /// Imports from this stream of the remote broker instead of a subscription that the bridge makes: one of a group
    /// with JetStream, say, which then counts a message as handled when it is in the ring. Everything that comes by
    /// it, unless there are patterns as well.
    pub fn import_from(mut self, stream: MessageStream<M>) -> Self {
        self.from = Some(stream);
        self
    }

    /// Who waits when the remote broker cannot keep up. [`BridgePolicy::DropOldest`] unless said.
    pub fn policy(mut self, policy: BridgePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How many messages may be on their way to the remote broker at a time, where it has to confirm them. 256 unless
    /// said; never more than keep their order there ([`LinkedBroker::pipeline`](crate::LinkedBroker::pipeline)).
    pub fn in_flight(mut self, messages: usize) -> Self {
        self.in_flight = messages;
        self
    }

    fn add(&mut self, pattern: &str, side: impl FnOnce(&mut Self) -> &mut Patterns) {
        let error = match TopicPattern::new(pattern) {
            Ok(topics) => match side(self).add(topics) {
                true => return,
                false => BridgeError::Twice { pattern: pattern.to_owned() },
            },
            Err(error) => error.into(),
        };
        self.refused.get_or_insert(error);
    }
}

impl<M: Message, H: Hook<M>, R: MessageBroker<M>> BridgeBuilder<M, H, R> {
    /// Subscribes at both ends, and starts. What is published here from then on is exported.
    ///
    /// # Errors
    /// Something in the configuration cannot be, the local broker is closed, or the remote one does not let it
    /// subscribe.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(mut self) -> Result<Bridge, BridgeError> {
        self.settle()?;
        let origin = self.local.services().origin().ok_or(BridgeError::TooManyOrigins)?;
        let stream = self.subscribe_remote().await.map_err(BridgeError::Subscribe)?;
        let bus = self.local.bus();
        let subscriber = bus.subscriber().name(&self.name).overflow(self.policy.overflow());
        let subscriber = subscriber.subscribe();
        if bus.is_closed() {
            return Err(BridgeError::Closed);
        }
        let lag = Lag::new(bus.clone(), subscriber.id());
        let Self { local, remote, name, exports, imports, policy, in_flight, .. } = self;
        let state = remote.linked().map(LinkedBroker::state);
        let in_flight = in_flight.min(remote.linked().map_or(1, LinkedBroker::pipeline));
        let (counts, carried) = (Arc::new(Counts::new(&name)), Arc::new(Carried::default()));
        let (replies, received) = mpsc::unbounded_channel();
        let wanted = Wanted {
            local: local.clone(),
            patterns: exports,
            carried: Arc::clone(&carried),
            counts: Arc::clone(&counts),
        };
        let exporter = Exporter {
            remote: Arc::new(remote),
            intake: Intake::new(subscriber, wanted),
            window: Window::new(in_flight, state.clone()),
            asking: FuturesUnordered::new(),
            replies,
            origin,
            policy,
            counts: Arc::clone(&counts),
            failures: 0,
        };
        let importer = Importer {
            local,
            stream,
            patterns: imports,
            replies: received,
            origin,
            carried,
            counts: Arc::clone(&counts),
            exporter_ended: false,
        };
        let stop = watch::Sender::new(false);
        let exporting = tokio::spawn(exporter.run(stop.subscribe()));
        let importing = tokio::spawn(importer.run(stop.subscribe()));
        Ok(Bridge::new(name, stop, [exporting, importing], counts, lag, state))
    }

    /// Looks whether all that was said goes together.
    fn settle(&mut self) -> Result<(), BridgeError> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        if self.in_flight == 0 {
            return Err(BridgeError::InFlight(0));
        }
        if let Some(both) = self.exports.in_both(&self.imports) {
            return Err(BridgeError::BothWays { pattern: both.to_string() });
        }
        for side in [&mut self.exports, &mut self.imports] {
            if let Some(twice) = side.in_both(&self.shared) {
                return Err(BridgeError::Twice { pattern: twice.to_string() });
            }
            side.append(&self.shared);
        }
        if self.from.is_some() && self.imports.is_empty() {
            self.imports.add_everything();
        }
        if self.exports.is_empty() && self.imports.is_empty() {
            return Err(BridgeError::NoPatterns);
        }
        Ok(())
    }

    async fn subscribe_remote(&mut self) -> Result<Option<MessageStream<M>>, BoxError> {
        if self.imports.is_empty() || self.from.is_some() {
            return Ok(self.from.take());
        }
        let stream = match (self.remote.linked(), self.imports.cover()) {
            (Some(linked), Some(pattern)) => linked.subscribe_topic(pattern).await?,
            _ => self.remote.subscribe().await?,
        };
        Ok(Some(stream))
    }
}

impl<M: Message, H: Hook<M>, R> fmt::Debug for BridgeBuilder<M, H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeBuilder")
            .field("name", &self.name)
            .field("exports", &self.exports)
            .field("imports", &self.imports)
            .field("shared", &self.shared)
            .field("policy", &self.policy)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}
