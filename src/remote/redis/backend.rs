//! The side of Redis.

use std::sync::Arc;

use redis::streams::StreamRangeReply;
use redis::{Cmd, Pipeline, cmd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::broker::{BrokerError, Message, MessageStream};
use crate::codec::frame::encode_frame;
use crate::codec::{Codec, Postcard};
use crate::envelope::{CorrelationId, MessageEnvelope};
use crate::hook::Hook;
use crate::remote::acked::AckedStream;
use crate::remote::backend::{Backend, Sent};
use crate::remote::broker::RemoteBroker;
use crate::remote::core::{Core, backend};
use crate::remote::error::RemoteError;
use crate::remote::feed::Feed;
use crate::remote::origins::Listening;
use crate::remote::outcome::Published;
use crate::remote::redis::builder::RedisBuilder;
use crate::remote::redis::connection::Connection;
use crate::remote::redis::pubsub::{Listener, Take};
use crate::remote::redis::settings::RedisStreams;
use crate::remote::redis::{channel, streams};
use crate::remote::subscribe::RemoteSubscribe;

/// A broker whose messages go over a Redis server, to all who use the same prefix there, in any process.
///
/// By Pub/Sub, which is the default, a message reaches whoever is subscribed at the time, at most once. By Streams
/// ([`RedisBuilder::streams`](crate::RemoteBuilder::streams)) the server writes each message down, and groups get it at
/// least once: what was received counts as handled when the next one is asked for, or when it is acknowledged
/// ([`subscribe_acked`](RemoteBroker::subscribe_acked)).
pub type RedisMessageBroker<M, H = ()> = RemoteBroker<Redis<M, H>>;

/// What is behind the handles.
pub struct Redis<M: Message, H: Hook<M>> {
    pub(crate) core: Arc<Core<M, H>>,
    pub(crate) connection: Arc<Connection>,
    /// Streams, if they are used.
    pub(crate) streams: Option<RedisStreams>,
}

impl<M: Message + Serialize + DeserializeOwned> RemoteBroker<Redis<M, ()>> {
    /// A broker at this server (`redis://host:port/db`, `rediss://` for TLS, `unix:///path`), with the codec
    /// [`Postcard`].
    pub fn builder(url: impl Into<String>) -> RedisBuilder<M> {
        Self::with_codec(url, Postcard)
    }
}

impl<M: Message> RemoteBroker<Redis<M, ()>> {
    /// The same with another codec.
    pub fn with_codec(url: impl Into<String>, codec: impl Codec<M>) -> RedisBuilder<M> {
        RedisBuilder::new(url.into(), codec)
    }
}

impl<M: Message, H: Hook<M>> Backend for Redis<M, H> {
    type Message = M;
    type Hook = H;

    const NAME: &'static str = "RedisMessageBroker";

    fn core(&self) -> &Arc<Core<M, H>> {
        &self.core
    }

    fn keeps(&self) -> bool {
        self.streams.is_some()
    }

    /// The client takes 50 commands before it waits.
    fn pipeline(&self) -> usize {
        48
    }

    fn size(&self, envelope: &MessageEnvelope<M>) -> Result<usize, RemoteError> {
        Ok(self.frame(envelope)?.len())
    }

    async fn send(
        &self,
        envelope: &MessageEnvelope<M>,
        request: Option<CorrelationId>,
    ) -> Result<Sent, RemoteError> {
        let (first, second) = self.commands(envelope, request.is_some())?;
        if !self.keeps() {
            let heard: u64 = self.connection.run(&first).await?;
            return Ok(Sent { published: Published::Flushed, is_heard: heard > 0 });
        }
        let id: String = self.connection.run(&first).await?;
        if let Some(publish) = second {
            // The message is written down in any case.
            let _: Result<u64, _> = self.connection.run(&publish).await;
        }
        let Some(entry) = streams::entry(&id) else {
            return Err(RemoteError::Unconfirmed(format!("{id:?} is no entry").into()));
        };
        Ok(Sent::to_somebody(Published::Acked { entry, duplicate: false }))
    }

    async fn send_all(
        &self,
        envelopes: &[Arc<MessageEnvelope<M>>],
    ) -> Vec<Result<(), RemoteError>> {
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors();
        let sendable = envelopes.iter().map(|envelope| {
            let (first, second) = self.commands(envelope, false)?;
            pipeline.add_command(first);
            second.map(|second| pipeline.add_command(second).ignore());
            Ok(())
        });
        let mut sendable: Vec<_> = sendable.collect();
        let answers = self.connection.run_all(&pipeline).await;
        let sent = sendable.iter_mut().filter(|sendable| sendable.is_ok());
        sent.zip(answers).for_each(|(sent, answer)| *sent = answer);
        sendable
    }

    async fn flush(&self) -> Result<(), RemoteError> {
        // Each publish has had its answer.
        Ok(())
    }

    async fn listen(
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
        self.core.runtime.spawn(listener.listen(unsubscribed));
        Ok(stream)
    }

    async fn read(
        self: &Arc<Self>,
        options: RemoteSubscribe,
    ) -> Result<AckedStream<M>, RemoteError> {
        match self.streams {
            Some(settings) => streams::subscribe(self, settings, options).await,
            None => unreachable!("only Streams are read"),
        }
    }

    async fn replies(&self, origin: u64) -> Result<Listening, RemoteError> {
        let pattern = channel::replies_of(&self.core.config.prefix, origin);
        let core = Arc::clone(&self.core);
        let take: Take<M> = Arc::new(move |envelope| core.hand_over(&envelope));
        let client = self.connection.client();
        let listener = Listener::open(&self.core, client, pattern, take).await?;
        Ok(Listening(self.core.runtime.spawn(async move {
            let (_never, stop) = oneshot::channel();
            listener.listen(stop).await;
        })))
    }
}

impl<M: Message, H: Hook<M>> Redis<M, H> {
    /// The stream that messages are written to.
    pub(crate) fn key(&self) -> &str {
        &self.core.config.prefix
    }

    fn frame(&self, envelope: &MessageEnvelope<M>) -> Result<Vec<u8>, RemoteError> {
        let mut frame = Vec::new();
        encode_frame(envelope, &*self.core.codec, &mut frame).map_err(RemoteError::Encode)?;
        self.core.check_size(frame.len())?;
        Ok(frame)
    }

    /// What a message is sent by: one command, and one that may fail. A reply that is written down is published
    /// as well, for who waits for it listens there.
    fn commands(
        &self,
        envelope: &MessageEnvelope<M>,
        is_request: bool,
    ) -> Result<(Cmd, Option<Cmd>), RemoteError> {
        let frame = self.frame(envelope)?;
        let channel = channel::channel(&self.core.config.prefix, &envelope.metadata, is_request);
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(&frame);
        let Some(settings) = &self.streams else { return Ok((publish, None)) };
        let is_reply = envelope.metadata.correlation_id.is_some() && !is_request;
        Ok((streams::add(self.key(), settings, &frame), is_reply.then_some(publish)))
    }

    /// The id of the last entry of the stream.
    pub(crate) async fn last_entry(&self) -> Result<String, RemoteError> {
        let mut range = cmd("XREVRANGE");
        range.arg(self.key()).arg("+").arg("-").arg("COUNT").arg(1);
        let last: StreamRangeReply = self.connection.run(&range).await?;
        Ok(last.ids.into_iter().next().map_or_else(|| "0-0".into(), |entry| entry.id))
    }
}
