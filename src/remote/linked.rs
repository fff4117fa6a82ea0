//! What a broker beyond the process has besides publishing and subscribing.

use tokio::sync::watch;

use crate::broker::{BoxFuture, Message, MessageStream};
use crate::envelope::TopicPattern;
use crate::remote::backend::Backend;
use crate::remote::broker::RemoteBroker;
use crate::remote::link::ConnectionState;
use crate::remote::subscribe::RemoteSubscribe;

/// What a broker beyond the process has besides: for those who bridge to it. See
/// [`MessageBroker::linked`](crate::MessageBroker::linked).
pub trait LinkedBroker<M: Message>: Send + Sync {
    /// The state of its connection, now and as it changes. While it is `Connected`, a publish that is polled is on
    /// its way to the server once it is pending.
    fn state(&self) -> watch::Receiver<ConnectionState>;

    /// Subscribes to what is about a topic of this pattern; more than that may come, too.
    fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<M>>;
}

impl<B: Backend> LinkedBroker<B::Message> for RemoteBroker<B> {
    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state()
    }

    fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<B::Message>> {
        let options = RemoteSubscribe { topic: Some(pattern), ..Default::default() };
        Box::pin(async { Ok(self.subscribe_with(options).await?) })
    }
}
