//! JetStream: the server writes messages down, and delivers them at least once.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::pull::{Config as Durable, OrderedConfig};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{AckKind, Context, Message as StoredMessage};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::broker::Message;
use crate::codec::CodecError;
use crate::hook::Hook;
use crate::remote::acked::AckedStream;
use crate::remote::acks::{Acknowledge, acked};
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::nats::backend::{Nats, Outgoing};
use crate::remote::nats::pull::pull;
use crate::remote::nats::reader::Reader;
use crate::remote::nats::settings::JetStream;
use crate::remote::nats::wire;
use crate::remote::outcome::{EntryId, Published};
use crate::remote::subscribe::{RemoteSubscribe, ReplayFrom};

/// What comes from a consumer.
pub(crate) type Stored = BoxStream<'static, Result<StoredMessage, CodecError>>;

/// A stream of JetStream.
pub(crate) struct Log {
    context: Context,
    pub(crate) stream: Stream,
    settings: JetStream,
}

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
        message: Outgoing,
        limit: Duration,
    ) -> Result<Published, RemoteError> {
        let deadline = Instant::now() + limit;
        acknowledged(self.begin(message, deadline).await?, deadline).await
    }

    /// Publishes one after the other, and only then waits for what becomes of each.
    pub(crate) async fn publish_all(
        &self,
        messages: impl ExactSizeIterator<Item = Result<Outgoing, RemoteError>>,
        limit: Duration,
    ) -> Vec<Result<(), RemoteError>> {
        let (deadline, mut begun) = (Instant::now() + limit, Vec::with_capacity(messages.len()));
        for message in messages {
            begun.push(match message {
                Ok(message) => self.begin(message, deadline).await,
                Err(error) => Err(error),
            });
        }
        let mut published = Vec::with_capacity(begun.len());
        for begun in begun {
            published.push(match begun {
                Ok(ack) => acknowledged(ack, deadline).await.map(drop),
                Err(error) => Err(error),
            });
        }
        published
    }

    /// Hands a message to the client.
    async fn begin(
        &self,
        Outgoing { subject, headers, payload }: Outgoing,
        deadline: Instant,
    ) -> Result<PublishAckFuture, RemoteError> {
        let publishing = self.context.publish_with_headers(subject, headers, payload);
        let begun = tokio::time::timeout_at(deadline, publishing).await;
        begun.map_err(|_| unacknowledged())?.map_err(unpublished)
    }

    pub(crate) async fn subscribe<M: Message, H: Hook<M>>(
        &self,
        nats: &Arc<Nats<M, H>>,
        options: RemoteSubscribe,
    ) -> Result<AckedStream<M>, RemoteError> {
        let core = &nats.core;
        let ahead = options.taken_ahead(core.config.buffer);
        let (feed, stream) = acked(core, self.acks(core.config.confirm), options.name(), ahead);
        if !core.link.is_closed() {
            let from = start(&options.from)?;
            let stored = self.consume(&options, core, ahead, from).await?;
            let reader = Reader { nats: Arc::clone(nats), options, ahead, next: None, feed };
            core.runtime.spawn(reader.run(stored));
        }
        Ok(stream)
    }

    fn acks(&self, confirm: Duration) -> JetStreamAcks {
        JetStreamAcks { client: self.context.client(), confirm }
    }

    /// A consumer: durable and with acknowledgements for a group, else one that keeps the order.
    pub(crate) async fn consume(
        &self,
        options: &RemoteSubscribe,
        core: &Core<impl Sized, impl Sized>,
        ahead: usize,
        from: DeliverPolicy,
    ) -> Result<Stored, RemoteError> {
        let filter_subject = wire::subjects_of(&core.config.prefix, options.topic.as_ref());
        let Some(group) = &options.group else {
            let ordered =
                OrderedConfig { deliver_policy: from, filter_subject, ..Default::default() };
            let consumer = self.stream.create_consumer(ordered).await.map_err(refused)?;
            let messages = consumer.messages().await.map_err(refused)?;
            return Ok(messages.map_err(Into::into).boxed());
        };
        let durable = Durable {
            durable_name: Some(group.clone()),
            deliver_policy: from,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.settings.ack_wait,
            max_deliver: self.settings.max_deliver,
            filter_subject,
            ..Default::default()
        };
        let consumer = self.stream.get_or_create_consumer(group, durable).await.map_err(refused)?;
        let messages = pull(consumer, self.context.clone(), core.link.watch(), ahead).await?;
        Ok(messages.boxed())
    }
}

/// Acknowledges to JetStream: each delivery has a subject for that.
#[derive(Clone)]
pub(crate) struct JetStreamAcks {
    client: Client,
    confirm: Duration,
}

impl JetStreamAcks {
    async fn say(&self, subject: &str, kind: AckKind) -> Result<(), RemoteError> {
        self.client.publish(subject.to_owned(), kind.into()).await.map_err(refused)
    }
}

impl Acknowledge for JetStreamAcks {
    async fn done(&self, tickets: &[String]) -> Result<(), RemoteError> {
        for ticket in tickets {
            self.say(ticket, AckKind::Ack).await?;
        }
        Ok(())
    }

    async fn confirm(&self, ticket: &str) -> Result<(), RemoteError> {
        let asking = self.client.request(ticket.to_owned(), Bytes::from(AckKind::Ack));
        let late = || RemoteError::Unconfirmed("no answer to the acknowledgement in time".into());
        let answered = tokio::time::timeout(self.confirm, asking).await.map_err(|_| late())?;
        answered.map(drop).map_err(|error| RemoteError::Unconfirmed(Box::new(error)))
    }

    async fn again(&self, ticket: &str) -> Result<(), RemoteError> {
        self.say(ticket, AckKind::Nak(None)).await
    }
}

async fn acknowledged(ack: PublishAckFuture, deadline: Instant) -> Result<Published, RemoteError> {
    let ack = tokio::time::timeout_at(deadline, ack.into_future()).await;
    let ack = ack.map_err(|_| unacknowledged())?.map_err(unpublished)?;
    Ok(Published::Acked { entry: EntryId::Sequence(ack.sequence), duplicate: ack.duplicate })
}

fn unacknowledged() -> RemoteError {
    RemoteError::Unconfirmed("no acknowledgement in time".into())
}

pub(crate) fn start(from: &ReplayFrom) -> Result<DeliverPolicy, RemoteError> {
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

pub(crate) fn refused(error: impl std::error::Error + Send + Sync + 'static) -> RemoteError {
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
