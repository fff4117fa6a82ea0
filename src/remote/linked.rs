//! What a broker beyond the process has besides publishing and subscribing.

use tokio::sync::watch;

use crate::broker::{BoxFuture, Message, MessageStream};
use crate::envelope::TopicPattern;
use crate::remote::link::ConnectionState;

/// What a broker beyond the process has besides: for those who bridge to it. See
/// [`MessageBroker::linked`](crate::MessageBroker::linked).
pub trait LinkedBroker<M: Message>: Send + Sync {
    /// The state of its connection, now and as it changes.
    fn state(&self) -> watch::Receiver<ConnectionState>;

    /// How many publishes may be pending at a time and are still done in the order in which they were polled first,
    /// as long as it is connected and nobody else publishes. 1 if a publish that is pending waits for room, and not
    /// for the server.
    fn pipeline(&self) -> usize;

    /// Subscribes to what is about a topic of this pattern; more than that may come, too.
    fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<M>>;
}

/// For the brokers whose inherent methods are of the same names.
macro_rules! linked {
    ($feature:literal, $broker:ident) => {
        #[cfg(feature = $feature)]
        impl<M: Message, H: crate::hook::Hook<M>> LinkedBroker<M> for crate::remote::$broker<M, H> {
            fn state(&self) -> watch::Receiver<ConnectionState> {
                self.state()
            }

            fn pipeline(&self) -> usize {
                self.pipeline()
            }

            fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<M>> {
                let options =
                    crate::remote::RemoteSubscribe { topic: Some(pattern), ..Default::default() };
                Box::pin(async { Ok(self.subscribe_with(options).await?) })
            }
        }
    };
}

linked!("nats", NatsMessageBroker);
linked!("redis", RedisMessageBroker);
