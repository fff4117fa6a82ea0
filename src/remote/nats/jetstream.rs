//! JetStream: the server writes messages down, and delivers them at least once.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, Message as StoredMessage};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use crate::broker::{BrokerError, DeadLetterReason, Message, MessageStream};
use crate::hook::Hook;
use crate::remote::acked::acked;
use crate::remote::codec::CodecError;
use crate::remote::core::{Core, Feeding, backend};
use crate::remote::error::RemoteError;
use crate::remote::nats::broker::Nats;
use crate::remote::nats::{pump, wire};
use crate::remote::outcome::{EntryId, Published};
use crate::remote::subscribe::{RemoteSubscribe, ReplayFrom};

/// What is chosen of the stream in which JetStream writes messages down. It is made if it is not there; if it is,
/// it is used as it is.
#[derive(Clone, Debug)]
#[must_use]
pub struct JetStream {
    config: Config,
    ack_wait: Duration,
    max_deliver: i64,
}

impl JetStream {
    /// A stream of this name, on disk, without limits. It takes all messages of the broker's prefix.
    pub fn new(name: impl Into<String>) -> Self {
        let config = Config { name: name.into(), ..Config::default() };
        Self { config, ack_wait: Duration::from_secs(30), max_deliver: -1 }
    }

    /// In the server's memory: gone when it ends.
    pub fn in_memory(mut self) -> Self {
        self.config.storage = StorageType::Memory;
        self
    }

    /// At most so many bytes; then the oldest messages go, unless [`refuse_when_full`](Self::refuse_when_full).
    pub fn max_bytes(mut self, bytes: u32) -> Self {
        self.config.max_bytes = bytes.into();
        self
    }

    /// At most so many messages, likewise.
    pub fn max_messages(mut self, messages: u32) -> Self {
        self.config.max_messages = messages.into();
        self
    }

    /// No message for longer than this.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.config.max_age = age;
        self
    }

    /// Once it is full publishing fails, and nothing goes.
    pub fn refuse_when_full(mut self) -> Self {
        self.config.discard = DiscardPolicy::New;
        self
    }

    /// For how long the server knows the message ids that it has seen, and does not write them down again. 2
    /// minutes unless said.
    pub fn dedup_window(mut self, window: Duration) -> Self {
        self.config.duplicate_window = window;
        self
    }

    /// After how long a message that a group has not acknowledged is delivered again. 30 s unless said.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// How often a message is delivered to a group at most. As often as it takes unless said.
    pub fn max_deliver(mut self, times: u32) -> Self {
        self.max_deliver = times.into();
        self
    }
}

/// A stream of JetStream.
pub(crate) struct Log {
    context: Context,
    stream: Stream,
    settings: JetStream,
}

/// What comes from a consumer.
type Stored = BoxStream<'static, Result<StoredMessage, CodecError>>;

impl Log {
    pub(crate) async fn open(
        client: &Client,
        mut settings: JetStream,
        prefix: &str,
    ) -> Result<Self, RemoteError> {
        settings.config.subjects = vec![format!("{prefix}.>")];
        let context = async_nats::jetstream::new(client.clone());
        let stream =
            context.get_or_create_stream(settings.config.clone()).await.map_err(refused)?;
        Ok(Self { context, stream, settings })
    }

    pub(crate) async fn publish(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        limit: Duration,
    ) -> Result<Published, RemoteError> {
        let publishing = async {
            let acknowledged = self.context.publish_with_headers(subject, headers, payload).await?;
            acknowledged.await
        };
        let published = tokio::time::timeout(limit, publishing).await;
        let ack = published
            .map_err(|_| RemoteError::Unconfirmed("no acknowledgement in time".into()))?
            .map_err(unpublished)?;
        Ok(Published::Acked { entry: EntryId::Sequence(ack.sequence), duplicate: ack.duplicate })
    }

    pub(crate) async fn subscribe<M: Message, H: Hook<M>>(
        &self,
        nats: &Arc<Nats<M, H>>,
        options: RemoteSubscribe,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        let (feed, stream) = acked(nats.core.config.buffer);
        if !nats.core.link.is_closed() {
            let from = start(&options.from);
            let opened = match from {
                Ok(from) => self.consume(&options, &nats.core.config.prefix, from).await,
                Err(error) => Err(error),
            };
            let stored = opened.map_err(|error| backend(None, error))?;
            let pump = Pump {
                nats: Arc::clone(nats),
                feeding: nats.core.feeding(),
                options,
                next: None,
                handled: feed.handled,
            };
            nats.runtime.spawn(pump.run(stored, feed.deliveries));
        }
        Ok(MessageStream::from_stream(stream))
    }

    /// A consumer: durable and with acknowledgements for a group, else one that keeps the order.
    async fn consume(
        &self,
        options: &RemoteSubscribe,
        prefix: &str,
        from: DeliverPolicy,
    ) -> Result<Stored, RemoteError> {
        let filter_subject = wire::subjects_of(prefix, options.topic.as_ref());
        let Some(group) = &options.group else {
            let ordered =
                pull::OrderedConfig { deliver_policy: from, filter_subject, ..Default::default() };
            let consumer = self.stream.create_consumer(ordered).await.map_err(refused)?;
            let messages = consumer.messages().await.map_err(refused)?;
            return Ok(messages.map_err(Into::into).boxed());
        };
        let durable = pull::Config {
            durable_name: Some(group.clone()),
            deliver_policy: from,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.settings.ack_wait,
            max_deliver: self.settings.max_deliver,
            filter_subject,
            ..Default::default()
        };
        let consumer = self.stream.get_or_create_consumer(group, durable).await.map_err(refused)?;
        let messages = consumer.messages().await.map_err(refused)?;
        Ok(messages.map_err(Into::into).boxed())
    }
}

/// Brings what was written down to a stream, and acknowledgements back.
struct Pump<M: Message, H: Hook<M>> {
    nats: Arc<Nats<M, H>>,
    feeding: Feeding<M, H>,
    options: RemoteSubscribe,
    /// The sequence behind the last that came.
    next: Option<u64>,
    handled: mpsc::UnboundedReceiver<Acker>,
}

type Deliveries<M> = mpsc::Sender<(crate::envelope::MessageEnvelope<M>, Acker)>;

impl<M: Message, H: Hook<M>> Pump<M, H> {
    async fn run(mut self, mut stored: Stored, deliveries: Deliveries<M>) {
        let core = Arc::clone(&self.nats.core);
        let mut failed = 0;
        loop {
            tokio::select! {
                Some(acker) = self.handled.recv() => self.acknowledge(acker).await,
                message = stored.next() => match message {
                    Some(Ok(message)) => {
                        failed = 0;
                        self.deliver(message, &deliveries).await;
                    }
                    Some(Err(_)) | None => {
                        failed += 1;
                        tokio::time::sleep(core.config.backoff.jittered(failed)).await;
                        if let Some(again) = self.again().await {
                            stored = again;
                        }
                    }
                },
                () = deliveries.closed() => break,
                () = core.link.closed() => {
                    self.drain(&mut stored, &deliveries).await;
                    break;
                }
            }
        }
        drop(deliveries);
        // What is handled from now on, until the stream is dropped.
        while let Some(acker) = self.handled.recv().await {
            self.acknowledge(acker).await;
        }
        drop(self.feeding);
    }

    async fn acknowledge(&self, acker: Acker) {
        if acker.ack().await.is_err() {
            self.nats.core.counts.failed_acks.add(1);
        }
    }

    /// The consumer once more, behind what has come.
    async fn again(&self) -> Option<Stored> {
        let log = self.nats.log.as_ref()?;
        let from = match self.next {
            Some(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            None => start(&self.options.from).ok()?,
        };
        log.consume(&self.options, &self.nats.core.config.prefix, from).await.ok()
    }

    /// Delivers a message, while acknowledgements go on; how many more the server has.
    async fn deliver(&mut self, message: StoredMessage, deliveries: &Deliveries<M>) -> u64 {
        let core = Arc::clone(&self.nats.core);
        let Ok(info) = message.info() else { return 0 };
        let (sequence, delivered, pending) = (info.stream_sequence, info.delivered, info.pending);
        self.next = Some(self.next.unwrap_or(0).max(sequence + 1));
        core.counts.redelivered.add(u64::from(delivered > 1));
        let (message, acker) = message.split();
        let envelope = pump::decode(&core, &message);
        let Some(envelope) = envelope.and_then(|envelope| expire(&core, envelope)) else {
            // Neither will be handled any better the next time.
            self.acknowledge(acker).await;
            return pending;
        };
        core.counts.received.add(1);
        loop {
            tokio::select! {
                permit = deliveries.reserve() => {
                    if let Ok(permit) = permit {
                        permit.send((envelope, acker));
                    }
                    return pending;
                }
                Some(handled) = self.handled.recv() => self.acknowledge(handled).await,
            }
        }
    }

    /// Delivers what was written down before.
    async fn drain(&mut self, stored: &mut Stored, deliveries: &Deliveries<M>) {
        let limit = self.nats.core.config.drain;
        let Some(log) = &self.nats.log else { return };
        let Ok(info) = log.stream.get_info().await else { return };
        let last = info.state.last_sequence;
        // What has been delivered already is here once that has come back.
        let mut rest = self.next.unwrap_or(1) <= last;
        while rest {
            let Ok(Some(Ok(message))) = tokio::time::timeout(limit, stored.next()).await else {
                return;
            };
            let pending = self.deliver(message, deliveries).await;
            rest = pending > 0 && self.next.unwrap_or(1) <= last;
        }
        while let Some(Some(Ok(message))) = stored.next().now_or_never() {
            self.deliver(message, deliveries).await;
        }
    }
}

/// A message that is of use, still.
pub(crate) fn expire<M: Message, H: Hook<M>>(
    core: &Core<M, H>,
    envelope: crate::envelope::MessageEnvelope<M>,
) -> Option<crate::envelope::MessageEnvelope<M>> {
    if envelope.metadata.is_expired() {
        core.services.dead_letter(envelope, DeadLetterReason::Expired);
        return None;
    }
    Some(envelope)
}

fn start(from: &ReplayFrom) -> Result<DeliverPolicy, RemoteError> {
    Ok(match *from {
        ReplayFrom::New => DeliverPolicy::New,
        ReplayFrom::Oldest => DeliverPolicy::All,
        ReplayFrom::Entry(EntryId::Sequence(start_sequence)) => {
            DeliverPolicy::ByStartSequence { start_sequence }
        }
        ReplayFrom::Entry(found) => {
            let (found, expected) = (found.to_string(), "a sequence of JetStream");
            return Err(RemoteError::Config { field: "from", found, expected });
        }
        ReplayFrom::Time(at) => {
            let start_time = async_nats::datetime::from_nanos(i128::from(at.as_nanos()));
            DeliverPolicy::ByStartTime { start_time: start_time.map_err(RemoteError::Refused)? }
        }
    })
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> RemoteError {
    RemoteError::Refused(Box::new(error))
}

fn unpublished(error: PublishError) -> RemoteError {
    match error.kind() {
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
            RemoteError::Unconfirmed(Box::new(error))
        }
        _ => refused(error),
    }
}
