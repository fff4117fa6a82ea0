//! Feeds a stream: a bounded buffer between what comes from a server and who reads it.
//!
//! The buffer is a bus with one subscriber. So a stream that is too far behind waits, loses or ends as on a
//! broker of one process.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::broker::services::Services;
use crate::broker::subscription::{Deliveries, Subscription, Wanted};
use crate::broker::{Message, MessageStream};
use crate::bus::{Bus, Publisher, TryPublishError};
use crate::envelope::{MessageEnvelope, TopicPattern};
use crate::hook::Hook;
use crate::remote::core::{Core, Feeding, backend};
use crate::remote::error::RemoteError;

pub(crate) struct Feed<M: Message, H: Hook<M>> {
    core: Arc<Core<M, H>>,
    publisher: Publisher<MessageEnvelope<M>>,
    _feeding: Feeding<M, H>,
}

/// Resolves when the stream is dropped.
pub(crate) type Unsubscribed = oneshot::Receiver<()>;

impl<M: Message, H: Hook<M>> Feed<M, H> {
    /// A feed, its stream, and the news of the stream's end.
    pub(crate) fn open(
        core: &Arc<Core<M, H>>,
        name: &str,
        pattern: Option<TopicPattern>,
    ) -> Result<(Self, MessageStream<M>, Unsubscribed), crate::broker::BrokerError<M>> {
        let bus = Bus::builder().capacity(core.config.buffer).try_build();
        let bus = bus.map_err(|error| {
            let (found, expected) = (error.to_string(), "a size that there is memory for");
            backend(None, RemoteError::Config { field: "buffer", found, expected })
        })?;
        let subscriber = bus.subscriber().name(name).overflow(core.config.overflow).subscribe();
        let (guard, unsubscribed) = oneshot::channel();
        let deliveries = Guarded { services: Arc::clone(&core.services), _guard: guard };
        let wanted = Wanted { pattern, filter: None };
        let subscription =
            Subscription::new(subscriber, wanted, Arc::new(deliveries), H::DELIVERIES);
        let feed =
            Self { core: Arc::clone(core), publisher: bus.publisher(), _feeding: core.feeding() };
        Ok((feed, MessageStream::new(subscription), unsubscribed))
    }

    /// Waits for room, if the stream is one to be waited for.
    pub(crate) async fn push(&self, envelope: MessageEnvelope<M>) {
        self.core.counts.received.add(1);
        // Nobody closes the bus but this feed.
        drop(self.publisher.publish_async(envelope).await);
    }

    /// Drops what finds no room, and counts it.
    pub(crate) fn offer(&self, envelope: MessageEnvelope<M>) {
        self.core.counts.received.add(1);
        if let Err(TryPublishError::Full(_)) = self.publisher.try_publish(envelope) {
            self.core.counts.dropped.add(1);
        }
    }
}

/// Tells the hooks of deliveries, and by its end the feed that nobody reads any more.
struct Guarded<M, H> {
    services: Arc<Services<M, H>>,
    _guard: oneshot::Sender<()>,
}

impl<M: Message, H: Hook<M>> Deliveries<M> for Guarded<M, H> {
    fn delivered(&self, envelope: &MessageEnvelope<M>, subscription: &str) {
        self.services.delivered(envelope, subscription);
    }

    fn missed(&self, subscription: &str, count: u64) {
        self.services.missed(subscription, count);
    }

    fn expired(&self, envelope: MessageEnvelope<M>) {
        self.services.expired(envelope);
    }
}
