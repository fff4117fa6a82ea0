//! A broker behind a pointer.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use crate::broker::broker::{Message, MessageBroker};
use crate::broker::stream::MessageStream;
use crate::envelope::MessageEnvelope;

/// What the methods of [`DynMessageBroker`] give.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;
/// What can go wrong with them: the broker's own error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A [`MessageBroker`] whose type is known only when the program runs: `Arc<dyn DynMessageBroker<M>>`.
///
/// Every broker is one. Each call allocates its future (one box, of a few hundred bytes and the size of
/// the message) and, if it fails, its error; a generic broker does neither, so prefer `B: MessageBroker<M>` where
/// the type can be known.
///
/// ```
/// use std::sync::Arc;
/// use stentor::{DynMessageBroker, InMemoryMessageBroker, MessageEnvelope};
///
/// # futures_executor::block_on(async {
/// let broker: Arc<dyn DynMessageBroker<u64>> =
///     Arc::new(InMemoryMessageBroker::<u64>::builder().build());
/// let mut stream = broker.subscribe_dyn().await.unwrap();
/// broker.publish_dyn(MessageEnvelope::new(1)).await.unwrap();
/// assert_eq!(stream.recv().await.unwrap().message, 1);
/// # });
/// ```
pub trait DynMessageBroker<M: Message>: Send + Sync {
    /// As [`MessageBroker::publish`].
    fn publish_dyn(&self, envelope: MessageEnvelope<M>) -> BoxFuture<'_, ()>;

    /// As [`MessageBroker::subscribe`].
    fn subscribe_dyn(&self) -> BoxFuture<'_, MessageStream<M>>;

    /// As [`MessageBroker::publish_request`], with the reply as it was published.
    fn publish_request_dyn(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> BoxFuture<'_, Option<MessageEnvelope<M>>>;
}

impl<M: Message, B: MessageBroker<M>> DynMessageBroker<M> for B {
    fn publish_dyn(&self, envelope: MessageEnvelope<M>) -> BoxFuture<'_, ()> {
        Box::pin(async move { Ok(self.publish(envelope).await?) })
    }

    fn subscribe_dyn(&self) -> BoxFuture<'_, MessageStream<M>> {
        Box::pin(async move { Ok(self.subscribe().await?) })
    }

    fn publish_request_dyn(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> BoxFuture<'_, Option<MessageEnvelope<M>>> {
        Box::pin(async move { Ok(self.publish_request::<M>(envelope, timeout).await?) })
    }
}
