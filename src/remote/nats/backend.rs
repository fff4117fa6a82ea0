//! The side of NATS.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::{Client, HeaderMap, PublishError, SubscribeError};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broker::{BrokerError, Message, MessageStream};
use crate::codec::{Codec, Postcard};
use crate::envelope::{CorrelationId, MessageEnvelope};
use crate::hook::Hook;
use crate::remote::acked::AckedStream;
use crate::remote::backend::{Backend, Sent};
use crate::remote::broker::RemoteBroker;
use crate::remote::core::{Core, backend};
use crate::remote::error::RemoteError;
use crate::remote::feed::Feed;
use crate::remote::nats::builder::NatsBuilder;
use crate::remote::nats::inbox::Inbox;
use crate::remote::nats::jetstream::Log;
use crate::remote::nats::{pump, wire};
use crate::remote::origins::Listening;
use crate::remote::outcome::Published;
use crate::remote::subscribe::RemoteSubscribe;

/// A broker whose messages go over a NATS server, to all who use the same prefix there, in any process.
///
/// Without JetStream a message reaches whoever is subscribed at the time, at most once. With it
/// ([`NatsBuilder::jetstream`](crate::RemoteBuilder::jetstream)) the server writes each message down, and groups get it
/// at least once: what was received counts as handled when the next one is asked for, or when it is
/// acknowledged ([`subscribe_acked`](RemoteBroker::subscribe_acked)).
pub type NatsMessageBroker<M, H = ()> = RemoteBroker<Nats<M, H>>;

/// What is behind the handles.
pub struct Nats<M: Message, H: Hook<M>> {
    pub(crate) core: Arc<Core<M, H>>,
    pub(crate) client: Client,
    pub(crate) inbox: Arc<Inbox>,
    /// JetStream, if that is used.
    pub(crate) log: Option<Log>,
    /// Publishing waits until the server has it.
    pub(crate) flushes: bool,
    /// How many messages are kept for a stream that is behind.
    pub(crate) client_buffer: usize,
}

/// A message as the client takes it.
pub(crate) struct Outgoing {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

impl<M: Message + Serialize + DeserializeOwned> RemoteBroker<Nats<M, ()>> {
    /// A broker at this server (`nats://host:port`, `tls://host:port`; several with commas between them), with
    /// the codec [`Postcard`].
    pub fn builder(url: impl Into<String>) -> NatsBuilder<M> {
        Self::with_codec(url, Postcard)
    }
}

impl<M: Message> RemoteBroker<Nats<M, ()>> {
    /// The same with another codec.
    pub fn with_codec(url: impl Into<String>, codec: impl Codec<M>) -> NatsBuilder<M> {
        NatsBuilder::new(url.into(), codec)
    }
}

impl<M: Message, H: Hook<M>> Backend for Nats<M, H> {
    type Message = M;
    type Hook = H;

    const NAME: &'static str = "NatsMessageBroker";

    fn core(&self) -> &Arc<Core<M, H>> {
        &self.core
    }

    fn keeps(&self) -> bool {
        self.log.is_some()
    }

    /// The client takes 2,048 commands before it waits, of which a message is two.
    fn pipeline(&self) -> usize {
        if self.flushes || self.log.is_some() { 1_000 } else { 1 }
    }

    fn size(&self, envelope: &MessageEnvelope<M>) -> Result<usize, RemoteError> {
        let Outgoing { subject, headers, payload } = self.outgoing(envelope, false)?;
        Ok(subject.len() + wire::size(&headers) + payload.len())
    }

    async fn send(
        &self,
        envelope: &MessageEnvelope<M>,
        request: Option<CorrelationId>,
    ) -> Result<Sent, RemoteError> {
        let outgoing = self.outgoing(envelope, request.is_some())?;
        let published = match &self.log {
            Some(log) => log.publish(outgoing, self.core.config.confirm).await?,
            None => {
                let connection = self.inbox.connection();
                self.pass_on(outgoing, request).await?;
                self.flush_if_told(connection).await?
            }
        };
        Ok(Sent::to_somebody(published))
    }

    async fn send_all(
        &self,
        envelopes: &[Arc<MessageEnvelope<M>>],
    ) -> Vec<Result<(), RemoteError>> {
        if let Some(log) = &self.log {
            let outgoing = envelopes.iter().map(|envelope| self.outgoing(envelope, false));
            return log.publish_all(outgoing, self.core.config.confirm).await;
        }
        let connection = self.inbox.connection();
        let mut sent = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            sent.push(match self.outgoing(envelope, false) {
                Ok(outgoing) => self.pass_on(outgoing, None).await,
                Err(error) => Err(error),
            });
        }
        let (link, limit) = (&self.core.link, self.core.config.confirm);
        if self.inbox.flush(connection, link, limit).await.is_err() {
            let lost = || Err(RemoteError::Unconfirmed("the connection was lost".into()));
            sent.iter_mut().filter(|sent| sent.is_ok()).for_each(|sent| *sent = lost());
        }
        sent
    }

    async fn flush(&self) -> Result<(), RemoteError> {
        let Self { core, inbox, .. } = self;
        inbox.flush(inbox.connection(), &core.link, core.config.confirm).await
    }

    async fn listen(
        self: &Arc<Self>,
        options: RemoteSubscribe,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        let (feed, stream, unsubscribed) = Feed::open(&self.core, options.name(), None)?;
        let subject = wire::subjects_of(&self.core.config.prefix, options.topic.as_ref());
        if self.core.link.is_closed() {
            return Ok(stream);
        }
        let subscriber = match options.group {
            Some(group) => self.client.queue_subscribe(subject, group).await,
            None => self.client.subscribe(subject).await,
        };
        let subscriber = subscriber.map_err(|error| backend(None, unsubscribable(error)))?;
        let settled = self.inbox.settle(&self.core.link, self.core.config.confirm).await;
        settled.map_err(|error| backend(None, error))?;
        self.core.runtime.spawn(pump::feed(Arc::clone(self), subscriber, feed, unsubscribed));
        Ok(stream)
    }

    async fn read(
        self: &Arc<Self>,
        options: RemoteSubscribe,
    ) -> Result<AckedStream<M>, RemoteError> {
        match &self.log {
            Some(log) => log.subscribe(self, options).await,
            None => unreachable!("only JetStream is read"),
        }
    }

    async fn replies(&self, origin: u64) -> Result<Listening, RemoteError> {
        let [with_topic, without] = wire::replies_of(&self.core.config.prefix, origin);
        let with_topic = self.client.subscribe(with_topic).await.map_err(unsubscribable)?;
        let without = self.client.subscribe(without).await.map_err(unsubscribable)?;
        self.inbox.settle(&self.core.link, self.core.config.confirm).await?;
        let replies = pump::replies(Arc::clone(&self.core), [with_topic, without]);
        Ok(Listening(self.core.runtime.spawn(replies)))
    }

    async fn nobody(&self, request: CorrelationId) {
        self.inbox.nobody(request).await;
    }

    async fn end(&self) {
        // The rest of what was published goes out, then the connection ends.
        let _ = self.client.drain().await;
    }
}

impl<M: Message, H: Hook<M>> Nats<M, H> {
    fn outgoing(
        &self,
        envelope: &MessageEnvelope<M>,
        is_request: bool,
    ) -> Result<Outgoing, RemoteError> {
        let (core, metadata) = (&self.core, &envelope.metadata);
        let payload = core.encode(&envelope.message)?.into();
        let subject = wire::subject(&core.config.prefix, metadata, is_request);
        let (size, limit) = (subject.len(), wire::LONGEST_SUBJECT);
        if size > limit {
            return Err(RemoteError::TooLarge { size, limit });
        }
        Ok(Outgoing { subject, headers: wire::headers(metadata, core.codec.name()), payload })
    }

    /// Hands a message to the client; a request with the inbox for what NATS itself answers.
    async fn pass_on(
        &self,
        Outgoing { subject, headers, payload }: Outgoing,
        request: Option<CorrelationId>,
    ) -> Result<(), RemoteError> {
        let client = &self.client;
        let sending = async {
            match request.map(|id| self.inbox.of(id)) {
                Some(inbox) => {
                    client.publish_with_reply_and_headers(subject, inbox, headers, payload).await
                }
                None => client.publish_with_headers(subject, headers, payload).await,
            }
        };
        // It waits for room in the client only; dropped, it has sent nothing.
        let waited = self.core.config.confirm;
        let sent = tokio::time::timeout(waited, sending).await;
        sent.map_err(|_| RemoteError::Disconnected { waited })?.map_err(unpublishable)
    }

    async fn flush_if_told(&self, connection: u64) -> Result<Published, RemoteError> {
        if !self.flushes {
            return Ok(Published::Buffered);
        }
        self.inbox.flush(connection, &self.core.link, self.core.config.confirm).await?;
        Ok(Published::Flushed)
    }
}

fn unpublishable(error: PublishError) -> RemoteError {
    match error.kind() {
        PublishErrorKind::Send => RemoteError::Disconnected { waited: Duration::ZERO },
        _ => RemoteError::Refused(Box::new(error)),
    }
}

fn unsubscribable(error: SubscribeError) -> RemoteError {
    RemoteError::Refused(Box::new(error))
}
