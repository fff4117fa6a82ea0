//! A broker beyond the process: what is the same whatever its server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::broker::ConnectionState;
use crate::broker::LinkedBroker;
use crate::broker::{
    BrokerError, DeadLetter, MessageBroker, MessageStream, RequestError, as_published,
};
use crate::bus::Subscriber;
use crate::envelope::MessageEnvelope;
use crate::remote::acked::AckedStream;
use crate::remote::asking::as_requested;
use crate::remote::backend::Backend;
use crate::remote::core::{Core, backend};
use crate::remote::error::RemoteError;
use crate::remote::metrics::RemoteMetrics;
use crate::remote::outcome::Published;
use crate::remote::subscribe::RemoteSubscribe;
use crate::remote::undecodable::Undecodable;

/// A broker whose messages go over a server, to all who use the same prefix there, in any process: a
/// `NatsMessageBroker` or a `RedisMessageBroker`, which say what their servers guarantee.
///
/// It needs a tokio runtime: the one in which it was connected. It is closed by [`shutdown`](Self::shutdown) or
/// [`close`](Self::close), or when the last handle is dropped.
///
/// # Cancel safety
/// Unlike those of a broker of one process, a `publish` that is dropped may have published.
pub struct RemoteBroker<B: Backend> {
    shared: Arc<Shared<B>>,
}

/// What all handles share; the last one closes.
struct Shared<B: Backend> {
    backend: Arc<B>,
}

impl<B: Backend> RemoteBroker<B> {
    pub(crate) fn new(backend: B) -> Self {
        Self { shared: Arc::new(Shared { backend: Arc::new(backend) }) }
    }

    pub(crate) fn backend(&self) -> &Arc<B> {
        &self.shared.backend
    }

    pub(crate) fn core(&self) -> &Arc<Core<B::Message, B::Hook>> {
        self.backend().core()
    }

    /// Publishes, and says what is known then.
    ///
    /// | | in general | in an outage, with [`Outage::Buffer`](crate::Outage::Buffer) |
    /// |---|---|---|
    /// | NATS | [`Published::Buffered`], or `Flushed` if the builder was told to wait for that | `Buffered` |
    /// | Redis Pub/Sub | `Flushed` | `Buffered` |
    /// | JetStream, Redis Streams | `Acked` | `Buffered` |
    ///
    /// # Errors
    /// As [`MessageBroker::publish`]. If it is not known whether the message was published, the source is
    /// [`RemoteError::Unconfirmed`]; to publish it again may then bring it twice (not with JetStream, which knows
    /// its message id for a while).
    pub async fn publish_outcome(
        &self,
        envelope: MessageEnvelope<B::Message>,
    ) -> Result<Published, BrokerError<B::Message>> {
        Ok(self.core().publish(self.backend(), envelope, None).await?.published)
    }

    /// Waits until the server has dealt with all that was published by this broker before: what was kept in an
    /// outage, and what the client has of NATS, on the connection that there is now.
    ///
    /// # Errors
    /// The connection was lost meanwhile, or the server took longer than
    /// [`RemoteConfig::confirm`](crate::RemoteConfig::confirm).
    pub async fn flush(&self) -> Result<(), RemoteError> {
        let core = self.core();
        let kept = tokio::time::timeout(core.config.confirm, core.buffer.emptied());
        if kept.await.is_err() {
            let kept = core.buffer.size().0;
            return Err(RemoteError::Unconfirmed(format!("{kept} messages are kept still").into()));
        }
        self.backend().flush().await
    }

    /// A subscription that says more of itself.
    ///
    /// # Errors
    /// The server did not confirm it, or the options cannot be: Redis Pub/Sub has no groups, say.
    pub async fn subscribe_with(
        &self,
        options: RemoteSubscribe,
    ) -> Result<MessageStream<B::Message>, BrokerError<B::Message>> {
        options.check(self.backend().keeps()).map_err(|error| backend(None, error))?;
        if !self.backend().keeps() {
            return self.backend().listen(options).await;
        }
        let stream = self.backend().read(options).await.map_err(|error| backend(None, error))?;
        Ok(MessageStream::from_stream(stream.acked_by_the_next()))
    }

    /// A subscription of a group whose messages are acknowledged one by one, when they have been handled, in any
    /// order: see [`AckedStream`].
    ///
    /// # Errors
    /// As [`subscribe_with`](Self::subscribe_with); or there is no group, or the server writes nothing down and so
    /// does not know what has been handled.
    pub async fn subscribe_acked(
        &self,
        options: RemoteSubscribe,
    ) -> Result<AckedStream<B::Message>, BrokerError<B::Message>> {
        let keeps = self.backend().keeps();
        let checked = options.check(keeps).and_then(|()| options.check_acked(keeps));
        checked.map_err(|error| backend(None, error))?;
        self.backend().read(options).await.map_err(|error| backend(None, error))
    }

    /// Publishes a request and waits for its reply, for `timeout` in all. Without a correlation id it is given
    /// one.
    ///
    /// # Errors
    /// It was not answered; the error says why, and has the request. On NATS without JetStream and by Redis Pub/Sub
    /// the server says at once if nobody is subscribed ([`RequestError::NoSubscribers`]).
    pub async fn request<R>(
        &self,
        envelope: MessageEnvelope<B::Message>,
        timeout: Duration,
    ) -> Result<MessageEnvelope<R>, RequestError<B::Message>>
    where
        R: crate::broker::Message + TryFrom<B::Message>,
    {
        as_requested(self.core().ask(self.backend(), envelope.clone(), timeout).await, envelope)
    }

    /// The state of its connection, now and as it changes.
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.core().link.watch()
    }

    /// How it is doing.
    pub fn metrics(&self) -> RemoteMetrics {
        self.core().metrics()
    }

    /// The dead letters from now on.
    pub fn dead_letters(&self) -> Subscriber<DeadLetter<B::Message>> {
        self.core().services.dead_letters.subscribe()
    }

    /// What comes from now on and is no message, with its bytes. Who is slow loses the oldest.
    pub fn undecodable(&self) -> Subscriber<Undecodable> {
        self.core().undecodable.subscribe()
    }

    /// Closes it, for good, and does not wait for that: what is published from now on comes back, streams receive
    /// what was published before and then end, what was kept in an outage is sent if there is a connection soon
    /// ([`RemoteConfig::drain`](crate::RemoteConfig::drain)), and requests that wait end as closed.
    pub fn close(&self) {
        close(self.backend());
    }

    /// Closes it, and waits until streams have got what was published before and what was kept has been sent, at
    /// most for [`RemoteConfig::drain`](crate::RemoteConfig::drain); false if it took longer. What could not be sent is
    /// a dead letter then.
    pub async fn shutdown(&self) -> bool {
        self.close();
        let core = self.core();
        let is_drained = core.drained(core.config.drain).await;
        // It gives up after the same time.
        core.buffer.emptied().await;
        is_drained && core.buffer.given_up.get() == 0
    }
}

/// Closes; what is on its way is brought to its end by a task.
fn close<B: Backend>(backend: &Arc<B>) {
    if !backend.core().close() {
        return;
    }
    let backend = Arc::clone(backend);
    backend.core().runtime.clone().spawn(async move {
        let core = backend.core();
        core.drained(core.config.drain).await;
        core.buffer.emptied().await;
        core.origins.clear();
        backend.end().await;
    });
}

impl<B: Backend> MessageBroker<B::Message> for RemoteBroker<B> {
    type Error = BrokerError<B::Message>;

    async fn publish(
        &self,
        envelope: MessageEnvelope<B::Message>,
    ) -> Result<(), BrokerError<B::Message>> {
        self.publish_outcome(envelope).await.map(drop)
    }

    async fn subscribe(&self) -> Result<MessageStream<B::Message>, BrokerError<B::Message>> {
        self.subscribe_with(RemoteSubscribe::new()).await
    }

    async fn publish_request<R>(
        &self,
        envelope: MessageEnvelope<B::Message>,
        timeout: Duration,
    ) -> Result<Option<MessageEnvelope<R>>, BrokerError<B::Message>>
    where
        R: crate::broker::Message + TryFrom<B::Message>,
    {
        if envelope.metadata.correlation_id.is_none() {
            return Err(BrokerError::MissingCorrelationId(envelope));
        }
        as_published(self.core().ask(self.backend(), envelope.clone(), timeout).await, envelope)
    }

    fn linked(&self) -> Option<&dyn LinkedBroker<B::Message>> {
        Some(self)
    }
}

impl<B: Backend> Clone for RemoteBroker<B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<B: Backend> Drop for Shared<B> {
    fn drop(&mut self) {
        close(&self.backend);
    }
}

impl<B: Backend> fmt::Debug for RemoteBroker<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.core();
        f.debug_struct(B::NAME)
            .field("prefix", &core.config.prefix)
            .field("state", &core.link.state())
            .finish_non_exhaustive()
    }
}
