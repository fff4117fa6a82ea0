//! What all brokers beyond the process have, whatever their server: hooks, requests that wait, dead letters, the
//! codec, the state of the connection, numbers, and streams that are being fed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::broker::services::Services;
use crate::broker::{BrokerError, DeadLetters, Message, Rejection, RequestMetrics};
use crate::bus::{Bus, Publisher, Subscriber};
use crate::envelope::{MessageEnvelope, MessageHeader, Timestamp};
use crate::hook::Hook;
use crate::remote::codec::Codec;
use crate::remote::config::{RemoteConfig, is_prefix};
use crate::remote::error::RemoteError;
use crate::remote::link::Link;
use crate::remote::metrics::{Counts, RemoteMetrics};
use crate::remote::wire_error::WireError;
use crate::ring::cursor::Overflow;

pub(crate) struct Core<M, H> {
    pub(crate) services: Arc<Services<M, H>>,
    pub(crate) codec: Arc<dyn Codec<M>>,
    pub(crate) config: RemoteConfig,
    pub(crate) link: Link,
    pub(crate) counts: Counts,
    undecodable: (Bus<Undecodable>, Publisher<Undecodable>),
    /// How many streams are being fed.
    feeding: watch::Sender<usize>,
}

/// What came over the wire and was no message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Undecodable {
    /// Where it came from: a subject, a channel, a stream and its entry.
    pub source: Arc<str>,
    /// All of it: the payload (NATS) or the frame (Redis).
    pub bytes: Arc<[u8]>,
    /// What is wrong with it.
    pub error: WireError,
    /// When it came.
    pub at: Timestamp,
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
        let undecodable = Bus::builder().capacity(broker.dead_letters).try_build();
        let undecodable = undecodable.map_err(invalid)?;
        Ok(Self {
            services: Arc::new(Services::new(hooks, letters, broker)),
            codec,
            config,
            link: Link::new(),
            counts: Counts::default(),
            undecodable: (undecodable.clone(), undecodable.publisher()),
            feeding: watch::Sender::new(0),
        })
    }

    // ===== publishing =====

    /// Publishes by `send`, once the hooks have let it pass and there is a connection.
    pub(crate) async fn publish<T, F>(
        &self,
        mut envelope: MessageEnvelope<M>,
        send: impl FnOnce(MessageEnvelope<M>) -> F,
    ) -> Result<T, BrokerError<M>>
    where
        F: Future<Output = Result<T, (MessageEnvelope<M>, RemoteError)>>,
    {
        if let Err(refusal) = self.services.admit(&mut envelope) {
            return Err(self.services.refuse(envelope, refusal));
        }
        let mut admitted = Admitted { core: self, header: Some(envelope.metadata.header()) };
        let usable = self.link.usable(self.config.outage).await;
        if self.link.is_closed() {
            admitted.header = None;
            return Err(self.services.closed(envelope));
        }
        let sent = match usable {
            Ok(()) => send(envelope).await,
            Err(error) => Err((envelope, error)),
        };
        match sent {
            Ok(outcome) => {
                self.counts.published.add(1);
                if let Some(header) = admitted.header.take() {
                    self.services.published(&header);
                }
                Ok(outcome)
            }
            Err((envelope, error)) => Err(backend(Some(envelope), error)),
        }
    }

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
        let (source, bytes) = (source.into(), bytes.into());
        let letter = Undecodable { source, bytes, error, at: Timestamp::now() };
        // All subscriptions are lossy.
        drop(self.undecodable.1.try_publish(letter));
    }

    pub(crate) fn undecodable(&self) -> Subscriber<Undecodable> {
        self.undecodable.0.subscriber().overflow(Overflow::DropOldest).subscribe()
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
        RemoteMetrics {
            state: self.link.state(),
            connections_lost: self.link.lost.get(),
            interruptions: self.counts.interruptions.get(),
            published: self.counts.published.get(),
            received: self.counts.received.get(),
            dropped: self.counts.dropped.get(),
            undecodable: self.counts.undecodable.get(),
            redelivered: self.counts.redelivered.get(),
            failed_acks: self.counts.failed_acks.get(),
            streams: *self.feeding.borrow(),
            requests: RequestMetrics {
                pending: services.table_if_used().map_or(0, |table| table.pending()),
                limit: services.config.pending_requests,
                answered: services.counts.answered.get(),
                timed_out: services.counts.timed_out.get(),
                abandoned: services.counts.abandoned.get(),
                undeliverable: services.counts.undeliverable.get(),
            },
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

/// A message that the hooks have let pass. Unless it is published they are told that it was not.
struct Admitted<'a, M: Message, H: Hook<M>> {
    core: &'a Core<M, H>,
    header: Option<MessageHeader>,
}

impl<M: Message, H: Hook<M>> Drop for Admitted<'_, M, H> {
    fn drop(&mut self) {
        if let Some(header) = &self.header {
            self.core.services.let_out(header, &Rejection::UNSENT);
        }
    }
}

pub(crate) struct Feeding<M: Message, H: Hook<M>>(Arc<Core<M, H>>);

impl<M: Message, H: Hook<M>> Drop for Feeding<M, H> {
    fn drop(&mut self) {
        self.0.feeding.send_modify(|count| *count -= 1);
    }
}
