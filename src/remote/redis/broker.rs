//! The broker of Redis.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use redis::streams::StreamRangeReply;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

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
use crate::remote::frame::encode_frame;
use crate::remote::link::ConnectionState;
use crate::remote::linked::LinkedBroker;
use crate::remote::metrics::RemoteMetrics;
use crate::remote::origins::{Listening, Origins};
use crate::remote::outcome::Published;
use crate::remote::redis::builder::{RedisBuilder, RedisStreams};
use crate::remote::redis::connection::Connection;
use crate::remote::redis::pubsub::{Listener, Take};
use crate::remote::redis::{channel, streams};
use crate::remote::subscribe::RemoteSubscribe;

/// A broker whose messages go over a Redis server, to all who use the same prefix there, in any process.
///
/// By Pub/Sub, which is the default, a message reaches whoever is subscribed at the time, at most once. By Streams
/// ([`RedisBuilder::streams`]) the server writes each message down, and groups get it at least once: what was
/// received counts as handled when the next one is asked for.
///
/// It needs a tokio runtime: the one in which it was connected. It is closed by [`shutdown`](Self::shutdown) or
/// [`close`](Self::close), or when the last handle is dropped.
///
/// # Cancel safety
/// Unlike those of a broker of one process, a `publish` that is dropped may have published.
pub struct RedisMessageBroker<M: Message, H: Hook<M> = ()> {
    shared: Arc<Shared<M, H>>,
}

/// What all handles share; the last one closes.
struct Shared<M: Message, H: Hook<M>> {
    redis: Arc<Redis<M, H>>,
}

/// What is behind the handles.
pub(crate) struct Redis<M: Message, H: Hook<M>> {
    pub(crate) core: Arc<Core<M, H>>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) origins: Origins,
    /// Streams, if they are used.
    pub(crate) streams: Option<RedisStreams>,
    pub(crate) runtime: Handle,
}

impl<M: Message + Serialize + DeserializeOwned> RedisMessageBroker<M> {
    /// A broker at this server (`redis://host:port/db`, `rediss://` for TLS, `unix:///path`), with the codec
    /// [`Postcard`].
    pub fn builder(url: impl Into<String>) -> RedisBuilder<M> {
        Self::with_codec(url, Postcard)
    }
}

impl<M: Message> RedisMessageBroker<M> {
    /// The same with another codec.
    pub fn with_codec(url: impl Into<String>, codec: impl Codec<M>) -> RedisBuilder<M> {
        RedisBuilder::new(url.into(), Arc::new(codec))
    }
}

impl<M: Message, H: Hook<M>> RedisMessageBroker<M, H> {
    pub(crate) fn new(redis: Redis<M, H>) -> Self {
        Self { shared: Arc::new(Shared { redis: Arc::new(redis) }) }
    }

    fn redis(&self) -> &Arc<Redis<M, H>> {
        &self.shared.redis
    }

    /// Publishes, and says what is known then: [`Published::Flushed`], or `Acked` by Streams.
    ///
    /// # Errors
    /// As [`MessageBroker::publish`]. If it is not known whether the message was published, the source is
    /// [`RemoteError::Unconfirmed`]; to publish it again may then bring it twice.
    pub async fn publish_outcome(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> Result<Published, BrokerError<M>> {
        Ok(self.redis().publish(envelope, false).await?.0)
    }

    /// A subscription that says more of itself.
    ///
    /// # Errors
    /// The server did not confirm it, or the options cannot be: Pub/Sub has no groups.
    pub async fn subscribe_with(
        &self,
        options: RemoteSubscribe,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        let redis = self.redis();
        options.check(redis.streams.is_some()).map_err(|error| backend(None, error))?;
        match redis.streams {
            Some(settings) => streams::subscribe(redis, settings, options).await,
            None => redis.subscribe(options).await,
        }
    }

    /// Publishes a request and waits for its reply, for `timeout` in all. Without a correlation id it is given
    /// one.
    ///
    /// # Errors
    /// It was not answered; the error says why, and has the request. By Pub/Sub the server says at once if nobody
    /// is subscribed ([`RequestError::NoSubscribers`]).
    pub async fn request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<MessageEnvelope<R>, RequestError<M>>
    where
        R: Message + TryFrom<M>,
    {
        as_requested(self.redis().ask(envelope.clone(), timeout).await, envelope)
    }

    /// See [`LinkedBroker::pipeline`]. The client takes 50 commands before it waits.
    pub(crate) fn pipeline(&self) -> usize {
        48
    }

    /// The state of its connection, now and as it changes.
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.redis().core.link.watch()
    }

    /// How it is doing.
    pub fn metrics(&self) -> RemoteMetrics {
        self.redis().core.metrics()
    }

    /// The dead letters from now on.
    pub fn dead_letters(&self) -> Subscriber<DeadLetter<M>> {
        self.redis().core.services.dead_letters.subscribe()
    }

    /// What comes from now on and is no message, with its bytes. Who is slow loses the oldest.
    pub fn undecodable(&self) -> Subscriber<Undecodable> {
        self.redis().core.undecodable()
    }

    /// Closes it, for good, and does not wait for that: what is published from now on comes back, streams receive
    /// what was published before and then end, and requests that wait end as closed.
    pub fn close(&self) {
        self.redis().close();
    }

    /// Closes it, and waits until streams have got what was published before, at most for
    /// [`RemoteConfig::drain`](crate::RemoteConfig::drain); false if it took longer.
    pub async fn shutdown(&self) -> bool {
        self.close();
        self.redis().core.drained(self.redis().core.config.drain).await
    }
}

impl<M: Message, H: Hook<M>> Redis<M, H> {
    /// The stream that messages are written to.
    pub(crate) fn key(&self) -> &str {
        &self.core.config.prefix
    }

    /// Publishes; whether anybody can have heard.
    async fn publish(
        &self,
        envelope: MessageEnvelope<M>,
        is_request: bool,
    ) -> Result<(Published, bool), BrokerError<M>> {
        let send = async |envelope: MessageEnvelope<M>| {
            self.send(&envelope, is_request).await.map_err(|error| (envelope, error))
        };
        self.core.publish(envelope, send).await
    }

    async fn send(
        &self,
        envelope: &MessageEnvelope<M>,
        is_request: bool,
    ) -> Result<(Published, bool), RemoteError> {
        let core = &self.core;
        let mut frame = Vec::new();
        encode_frame(envelope, &*core.codec, &mut frame).map_err(RemoteError::Encode)?;
        core.check_size(frame.len())?;
        let channel = channel::channel(&core.config.prefix, &envelope.metadata, is_request);
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(&frame);
        let Some(settings) = &self.streams else {
            let heard: u64 = self.connection.run(&publish).await?;
            return Ok((Published::Flushed, heard > 0));
        };
        let id: String = self.connection.run(&streams::add(self.key(), settings, &frame)).await?;
        if envelope.metadata.correlation_id.is_some() && !is_request {
            // Who waits for it listens there. The message is written down in any case.
            let _: Result<u64, _> = self.connection.run(&publish).await;
        }
        let Some(entry) = streams::entry(&id) else {
            return Err(RemoteError::Unconfirmed(format!("{id:?} is no entry").into()));
        };
        Ok((Published::Acked { entry, duplicate: false }, true))
    }

    /// The id of the last entry of the stream.
    pub(crate) async fn last_entry(&self) -> Result<String, RemoteError> {
        let mut range = cmd("XREVRANGE");
        range.arg(self.key()).arg("+").arg("-").arg("COUNT").arg(1);
        let last: StreamRangeReply = self.connection.run(&range).await?;
        Ok(last.ids.into_iter().next().map_or_else(|| "0-0".into(), |entry| entry.id))
    }

    async fn subscribe(
        self: &Arc<Self>,
        options: RemoteSubscribe,
    ) -> Result<MessageStream<M>, BrokerError<M>> {
        if let Some(found) = options.group {
            let expected = "none: Pub/Sub has no groups, Streams have";
            let error = RemoteError::Config { field: "group", found, expected };
            return Err(backend(None, error));
        }
        let topic = options.topic.clone();
        let (feed, stream, unsubscribed) = Feed::open(&self.core, options.name(), topic)?;
        if self.core.link.is_closed() {
            return Ok(stream);
        }
        let pattern = channel::channels_of(&self.core.config.prefix, options.topic.as_ref());
        let take: Take<M> = Arc::new(move |envelope| feed.offer(envelope));
        let listener = Listener::open(&self.core, self.connection.client(), pattern, take).await;
        let listener = listener.map_err(|error| backend(None, error))?;
        self.runtime.spawn(listener.listen(unsubscribed));
        Ok(stream)
    }

    async fn ask(
        &self,
        mut request: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        // Known before it is asked, for the origin.
        let id = *request.metadata.correlation_id.get_or_insert_with(CorrelationId::new);
        let send = async |envelope: MessageEnvelope<M>| {
            if self.core.link.is_closed() {
                return Err(BrokerError::Closed(envelope));
            }
            match self.origins.hold(id, async |origin| self.listen(origin).await).await {
                Ok(listening) => {
                    let (_, is_heard) = self.publish(envelope, true).await?;
                    Ok(is_heard.then_some(listening))
                }
                Err(error) => Err(backend(Some(envelope), error)),
            }
        };
        self.core.ask(request, timeout, send, pending()).await
    }

    /// Listens to the replies to correlation ids of an origin.
    async fn listen(&self, origin: u64) -> Result<Listening, RemoteError> {
        let pattern = channel::replies_of(&self.core.config.prefix, origin);
        let core = Arc::clone(&self.core);
        let take: Take<M> = Arc::new(move |envelope| core.hand_over(&envelope));
        let client = self.connection.client();
        let listener = Listener::open(&self.core, client, pattern, take).await?;
        Ok(Listening(self.runtime.spawn(async move {
            let (_never, stop) = oneshot::channel();
            listener.listen(stop).await;
        })))
    }

    /// Closes; what is on its way is brought to its end by tasks.
    fn close(&self) {
        if self.core.close() {
            self.origins.clear();
        }
    }
}

impl<M: Message, H: Hook<M>> MessageBroker<M> for RedisMessageBroker<M, H> {
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
        as_published(self.redis().ask(envelope.clone(), timeout).await, envelope)
    }

    fn linked(&self) -> Option<&dyn LinkedBroker<M>> {
        Some(self)
    }
}

impl<M: Message, H: Hook<M>> Clone for RedisMessageBroker<M, H> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<M: Message, H: Hook<M>> Drop for Shared<M, H> {
    fn drop(&mut self) {
        self.redis.close();
    }
}

impl<M: Message, H: Hook<M>> fmt::Debug for RedisMessageBroker<M, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.redis().core;
        f.debug_struct("RedisMessageBroker")
            .field("prefix", &core.config.prefix)
            .field("state", &core.link.state())
            .finish_non_exhaustive()
    }
}
