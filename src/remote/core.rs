//! What all brokers beyond the process have, whatever their server: hooks, requests that wait, dead letters, the
//! codec, the state of the connection, what is kept in an outage, numbers, and streams that are being fed.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::broker::services::Services;
use crate::broker::{BrokerError, DeadLetters, Message};
use crate::codec::Codec;
use crate::codec::wire_error::WireError;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::remote::config::{RemoteConfig, is_prefix};
use crate::remote::error::RemoteError;
use crate::remote::link::Link;
use crate::remote::metrics::{Counts, RemoteMetrics};
use crate::remote::origins::Origins;
use crate::remote::outage::Buffer;
use crate::remote::undecodable::Undecodables;

/// What all brokers beyond the process have.
pub struct Core<M, H> {
    pub(crate) services: Arc<Services<M, H>>,
    pub(crate) codec: Arc<dyn Codec<M>>,
    pub(crate) config: RemoteConfig,
    pub(crate) link: Arc<Link>,
    pub(crate) counts: Counts,
    /// What is kept in an outage.
    pub(crate) buffer: Buffer<M>,
    /// The replies that are listened for.
    pub(crate) origins: Origins,
    pub(crate) undecodable: Undecodables,
    /// What its tasks run on.
    pub(crate) runtime: Handle,
    /// How many streams are being fed.
    feeding: watch::Sender<usize>,
}

impl<M: Message, H: Hook<M>> Core<M, H> {
    pub(crate) fn new(
        hooks: H,
        codec: Arc<dyn Codec<M>>,
        config: RemoteConfig,
    ) -> Result<Self, RemoteError> {
        if !is_prefix(&config.prefix) {
            let expected = "1 to 64 letters, digits, - and _";
            let found = config.prefix.clone();
            return Err(RemoteError::Config { field: "prefix", found, expected });
        }
        let broker = config.broker.clone();
        broker.validate().map_err(invalid)?;
        let letters = DeadLetters::new(broker.dead_letters, broker.dead_letter_logs);
        let letters = letters.map_err(invalid)?;
        let undecodable = Undecodables::new(broker.dead_letters).map_err(invalid)?;
        Ok(Self {
            services: Arc::new(Services::new(hooks, letters, broker)),
            codec,
            buffer: Buffer::new(config.outage),
            config,
            runtime: Handle::current(),
            link: Arc::new(Link::new()),
            counts: Counts::default(),
            origins: Origins::default(),
            undecodable,
            feeding: watch::Sender::new(0),
        })
    }

    // ===== what goes =====

    /// The payload of a message.
    pub(crate) fn encode(&self, message: &M) -> Result<Vec<u8>, RemoteError> {
        let mut bytes = Vec::new();
        self.codec.encode(message, &mut bytes).map_err(RemoteError::Encode)?;
        self.check_size(bytes.len())?;
        Ok(bytes)
    }

    pub(crate) fn check_size(&self, size: usize) -> Result<(), RemoteError> {
        let limit = self.config.max_message;
        if size > limit { Err(RemoteError::TooLarge { size, limit }) } else { Ok(()) }
    }

    // ===== what comes =====

    /// Hands a reply to whoever waits for it. Anything else is none of its business.
    pub(crate) fn hand_over(&self, envelope: &MessageEnvelope<M>) {
        self.services.reply(&mut self.services.reply_in(envelope));
    }

    /// What is no message is counted, logged, and kept for whoever listens.
    #[cold]
    pub(crate) fn refuse(&self, source: &str, bytes: &[u8], error: WireError) {
        self.counts.undecodable.add(1);
        tracing::warn!(target: "stentor::remote", source, size = bytes.len(), "no message: {error}");
        self.undecodable.add(source, bytes, error);
    }

    // ===== its end =====

    /// Nothing is published or asked any more. False if it was so already.
    pub(crate) fn close(&self) -> bool {
        let closes = self.link.close();
        if let Some(table) = self.services.table_if_used() {
            table.close();
        }
        closes
    }

    /// Waits until it is closed, and nothing is kept any more.
    pub(crate) async fn ended(&self) {
        self.link.closed().await;
        self.buffer.emptied().await;
    }

    /// A stream is being fed as long as this lives.
    pub(crate) fn feeding(self: &Arc<Self>) -> Feeding<M, H> {
        self.feeding.send_modify(|count| *count += 1);
        Feeding(Arc::clone(self))
    }

    /// Waits until all streams have got what they will get; false if it took longer than this.
    pub(crate) async fn drained(&self, limit: Duration) -> bool {
        let mut feeding = self.feeding.subscribe();
        let drained = tokio::time::timeout(limit, feeding.wait_for(|count| *count == 0)).await;
        drained.is_ok()
    }

    pub(crate) fn metrics(&self) -> RemoteMetrics {
        let services = &*self.services;
        let (buffer_messages, buffer_bytes) = self.buffer.size();
        RemoteMetrics {
            state: self.link.state(),
            connections_lost: self.link.lost.get(),
            interruptions: self.counts.interruptions.get(),
            published: self.counts.published.get(),
            buffered: self.counts.buffered.get(),
            buffer_messages,
            buffer_bytes,
            received: self.counts.received.get(),
            dropped: self.counts.dropped.get(),
            undecodable: self.counts.undecodable.get(),
            redelivered: self.counts.redelivered.get(),
            failed_acks: self.counts.failed_acks.get(),
            streams: *self.feeding.borrow(),
            requests: services.request_metrics(),
            dead_letters: services.dead_letters.counts(),
        }
    }
}

pub(crate) fn backend<M>(
    envelope: Option<MessageEnvelope<M>>,
    error: RemoteError,
) -> BrokerError<M> {
    BrokerError::Backend { envelope, source: Box::new(error) }
}

fn invalid(error: impl std::fmt::Display) -> RemoteError {
    let expected = "what a broker can be built with";
    RemoteError::Config { field: "broker", found: error.to_string(), expected }
}

/// A stream that is being fed, or something else that the end of a broker waits for.
pub(crate) struct Feeding<M: Message, H: Hook<M>>(Arc<Core<M, H>>);

impl<M: Message, H: Hook<M>> Drop for Feeding<M, H> {
    fn drop(&mut self) {
        self.0.feeding.send_modify(|count| *count -= 1);
    }
}
