//! The broker of NATS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::client::PublishErrorKind;
use async_nats::{Client, PublishError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::broker::{
    Answer, BrokerError, DeadLetter, Message, MessageBroker, MessageStream, RequestError,
    as_published,
};
use crate::bus::Subscriber;
use crate::envelope::{CorrelationId, MessageEnvelope};
use crate::hook::Hook;
use crate::remote::asking::as_requested;
use crate::remote::codec::{Codec, Postcard};
use crate::remote::core::{Core, Undecodable, backend};
use crate::remote::error::RemoteError;
use crate::remote::feed::Feed;
use crate::remote::link::ConnectionState;
use crate::remote::linked::LinkedBroker;
use crate::remote::metrics::RemoteMetrics;
use crate::remote::nats::builder::NatsBuilder;
use crate::remote::nats::inbox::Inbox;
use crate::remote::nats::jetstream::Log;
use crate::remote::nats::{pump, wire};
use crate::remote::origins::{Listening, Origins};
use crate::remote::outcome::Published;
use crate::remote::subscribe::RemoteSubscribe;

/// A broker whose messages go over a NATS server, to all who use the same prefix there, in any process.
///
/// Without JetStream a message reaches whoever is subscribed at the time, at most once. With it
/// ([`NatsBuilder::jetstream`]) the server writes each message down, and streams get it at least once: what was
/// received counts as handled when the next one is asked for.
///
/// It needs a tokio runtime: the one in which it was connected. It is closed by [`shutdown`](Self::shutdown) or
/// [`close`](Self::close), or when the last handle is dropped.
///
/// # Cancel safety
/// Unlike those of a broker of one process, a `publish` that is dropped may have published.
pub struct NatsMessageBroker<M: Message, H: Hook<M> = ()> {
    shared: Arc<Shared<M, H>>,
}

/// What all handles share; the last one closes.
struct Shared<M: Message, H: Hook<M>> {
    nats: Arc<Nats<M, H>>,
}

/// What is behind the handles.
pub(crate) struct Nats<M: Message, H: Hook<M>> {
    pub(crate) core: Arc<Core<M, H>>,
    pub(crate) client: Client,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) origins: Origins,
    /// JetStream, if that is used.
    pub(crate) log: Option<Log>,
    /// Publishing waits until the server has it.
    pub(crate) flushes: bool,
    pub(crate) runtime: Handle,
}

impl<M: Message + Serialize + DeserializeOwned> NatsMessageBroker<M> {
    /// A broker at this server (`nats://host:port`, `tls://host:port`; several with commas between them), with
    /// the codec [`Postcard`].
    pub fn builder(url: impl Into<String>) -> NatsBuilder<M> {
        Self::with_codec(url, Postcard)
    }
}

impl<M: Message> NatsMessageBroker<M> {
    /// The same with another codec.
    pub fn with_codec(url: impl Into<String>, codec: impl Codec<M>) -> NatsBuilder<M> {
        NatsBuilder::new(url.into(), Arc::new(codec))
    }
}

impl<M: Message, H: Hook<M>> NatsMessageBroker<M, H> {
    pub(crate) fn new(nats: Nats<M, H>) -> Self {
        Self { shared: Arc::new(Shared { nats: Arc::new(nats) }) }
    }

    fn nats(&self) -> &Arc<Nats<M, H>> {
        &self.shared.nats
    }

    /// Publishes, and says what is known then: [`Published::Buffered`], or `Flushed` if the builder was told to
    /// wait for that, or `Acked` with JetStream.
    ///
    /// # Errors
    /// As [`MessageBroker::publish`]. If it is not known whether the message was published, the source is
    /// [`RemoteError::Unconfirmed`].
    pub async fn publish_outcome(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> Result<Published, BrokerError<M>> {
        self.nats().publish(envelope, None).await
    }

    /// Waits until the server has dealt with all that was published by this broker before, on the connection that
    /// there is now.
    ///
    /// # Errors
    /// That was lost meanwhile, or the server took too long.
    pub async fn flush(&self) -> Result<(), RemoteError> {
        let (core, inbox) = (&self.nats().core, &self.nats().inbox);
        inbox.flush(inbox.connection(), &core.link, core.config.confirm).await
    }

    /// A subscription that says more of itself.
    ///
    /// # Errors
    /// The server did not confirm it, or the options cannot be.
    pub async fn subscribe_with(
        &self,
        options: RemoteSubscribe,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        let nats = self.nats();
        options.check(nats.log.is_some()).map_err(|error| backend(None, error))?;
        match &nats.log {
            Some(log) => log.subscribe(nats, options).await,
            None => nats.subscribe(options).await,
        }
    }

    /// Publishes a request and waits for its reply, for `timeout` in all. Without a correlation id it is given
    /// one.
    ///
    /// # Errors
    /// It was not answered; the error says why, and has the request. Without JetStream the server says at once if
    /// nobody is subscribed ([`RequestError::NoSubscribers`]).
    pub async fn request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<MessageEnvelope<R>, RequestError<M>>
    where
        R: Message + TryFrom<M>,
    {
        as_requested(self.nats().ask(envelope.clone(), timeout).await, envelope)
    }

    /// See [`LinkedBroker::pipeline`]. The client takes 2,048 commands before it waits, of which a publish is two.
    pub(crate) fn pipeline(&self) -> usize {
        if self.nats().flushes || self.nats().log.is_some() { 1_000 } else { 1 }
    }

    /// The state of its connection, now and as it changes.
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.nats().core.link.watch()
    }

    /// How it is doing.
    pub fn metrics(&self) -> RemoteMetrics {
        self.nats().core.metrics()
    }

    /// The dead letters from now on.
    pub fn dead_letters(&self) -> Subscriber<DeadLetter<M>> {
        self.nats().core.services.dead_letters.subscribe()
    }

    /// What comes from now on and is no message, with its bytes. Who is slow loses the oldest.
    pub fn undecodable(&self) -> Subscriber<Undecodable> {
        self.nats().core.undecodable()
    }

    /// Closes it, for good, and does not wait for that: what is published from now on comes back, streams receive
    /// what was published before and then end, and requests that wait end as closed.
    pub fn close(&self) {
        self.nats().close();
    }

    /// Closes it, and waits until streams have got what was published before, at most for
    /// [`RemoteConfig::drain`](crate::RemoteConfig::drain); false if it took longer.
    pub async fn shutdown(&self) -> bool {
        self.close();
        self.nats().core.drained(self.nats().core.config.drain).await
    }
}

impl<M: Message, H: Hook<M>> Nats<M, H> {
    /// Publishes; a request with the inbox for what NATS itself answers.
    async fn publish(
        &self,
        envelope: MessageEnvelope<M>,
        inbox: Option<String>,
    ) -> Result<Published, BrokerError<M>> {
        let send = async |envelope: MessageEnvelope<M>| {
            self.send(&envelope, inbox).await.map_err(|error| (envelope, error))
        };
        self.core.publish(envelope, send).await
    }

    async fn send(
        &self,
        envelope: &MessageEnvelope<M>,
        inbox: Option<String>,
    ) -> Result<Published, RemoteError> {
        let (core, metadata) = (&self.core, &envelope.metadata);
        let payload = core.encode(&envelope.message)?.into();
        let subject = wire::subject(&core.config.prefix, metadata, inbox.is_some());
        if subject.len() > wire::LONGEST_SUBJECT {
            return Err(RemoteError::TooLarge {
                size: subject.len(),
                limit: wire::LONGEST_SUBJECT,
            });
        }
        let headers = wire::headers(metadata, core.codec.name());
        if let Some(log) = &self.log {
            return log.publish(subject, headers, payload, core.config.confirm).await;
        }
        let (client, connection) = (&self.client, self.inbox.connection());
        let sending = async {
            match inbox {
                Some(inbox) => {
                    client.publish_with_reply_and_headers(subject, inbox, headers, payload).await
                }
                None => client.publish_with_headers(subject, headers, payload).await,
            }
        };
        // It waits for room in the client only; dropped, it has sent nothing.
        let waited = core.config.confirm;
        let sent = tokio::time::timeout(waited, sending).await;
        sent.map_err(|_| RemoteError::Disconnected { waited })?
            .map_err(|error| self.refused(error))?;
        if !self.flushes {
            return Ok(Published::Buffered);
        }
        self.inbox.flush(connection, &core.link, core.config.confirm).await?;
        Ok(Published::Flushed)
    }

    fn refused(&self, error: PublishError) -> RemoteError {
        match error.kind() {
            PublishErrorKind::Send => RemoteError::Disconnected { waited: Duration::ZERO },
            _ => RemoteError::Refused(Box::new(error)),
        }
    }

    async fn subscribe(
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
        let refused = |error: RemoteError| backend(None, error);
        let subscriber =
            subscriber.map_err(|error| refused(RemoteError::Refused(Box::new(error))))?;
        let (core, inbox) = (Arc::clone(&self.core), Arc::clone(&self.inbox));
        inbox.settle(&core.link, core.config.confirm).await.map_err(refused)?;
        self.runtime.spawn(pump::feed(core, inbox, subscriber, feed, unsubscribed));
        Ok(stream)
    }

    async fn ask(
        &self,
        request: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let mut request = request;
        // Known before it is asked, for the inbox and the origin.
        let id = *request.metadata.correlation_id.get_or_insert_with(CorrelationId::new);
        let send = async |envelope: MessageEnvelope<M>| {
            if self.core.link.is_closed() {
                return Err(BrokerError::Closed(envelope));
            }
            let listening = self.origins.hold(id, async |origin| self.listen(origin).await);
            match listening.await {
                Ok(listening) => {
                    let _ = self.publish(envelope, Some(self.inbox.of(id))).await?;
                    Ok(Some(listening))
                }
                Err(error) => Err(backend(Some(envelope), error)),
            }
        };
        self.core.ask(request, timeout, send, self.inbox.nobody(id)).await
    }

    /// Listens to the replies to correlation ids of an origin.
    async fn listen(&self, origin: u64) -> Result<Listening, RemoteError> {
        let [with_topic, without] = wire::replies_of(&self.core.config.prefix, origin);
        let refused = |error: async_nats::SubscribeError| RemoteError::Refused(Box::new(error));
        let with_topic = self.client.subscribe(with_topic).await.map_err(refused)?;
        let without = self.client.subscribe(without).await.map_err(refused)?;
        self.inbox.settle(&self.core.link, self.core.config.confirm).await?;
        let replies = pump::replies(Arc::clone(&self.core), [with_topic, without]);
        Ok(Listening(self.runtime.spawn(replies)))
    }

    /// Closes; what is on its way is brought to its end by a task.
    fn close(self: &Arc<Self>) {
        if !self.core.close() {
            return;
        }
        let nats = Arc::clone(self);
        self.runtime.spawn(async move {
            nats.core.drained(nats.core.config.drain).await;
            nats.origins.clear();
            // The rest of what was published goes out, then the connection ends.
            let _ = nats.client.drain().await;
        });
    }
}

impl<M: Message, H: Hook<M>> MessageBroker<M> for NatsMessageBroker<M, H> {
    type Error = BrokerError<M>;

    async fn publish(&self, envelope: MessageEnvelope<M>) -> Result<(), BrokerError<M>> {
        self.publish_outcome(envelope).await.map(drop)
    }

    async fn subscribe(&self) -> Result<MessageStream<M>, BrokerError<M>> {
        self.subscribe_with(RemoteSubscribe::new()).await
    }

    async fn publish_request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Option<MessageEnvelope<R>>, BrokerError<M>>
    where
        R: Message + TryFrom<M>,
    {
        if envelope.metadata.correlation_id.is_none() {
            return Err(BrokerError::MissingCorrelationId(envelope));
        }
        as_published(self.nats().ask(envelope.clone(), timeout).await, envelope)
    }

    fn linked(&self) -> Option<&dyn LinkedBroker<M>> {
        Some(self)
    }
}

impl<M: Message, H: Hook<M>> Clone for NatsMessageBroker<M, H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<M: Message, H: Hook<M>> Drop for Shared<M, H> {
    fn drop(&mut self) {
        self.nats.close();
    }
}

impl<M: Message, H: Hook<M>> fmt::Debug for NatsMessageBroker<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.nats().core;
        f.debug_struct("NatsMessageBroker")
            .field("prefix", &core.config.prefix)
            .field("state", &core.link.state())
            .finish_non_exhaustive()
    }
}
