//! What a broker beyond the process has besides publishing and subscribing.

use tokio::sync::watch;

use crate::broker::{BoxFuture, Message, MessageStream};
use crate::envelope::TopicPattern;

/// The state of the connection to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is one.
    Connected,
    /// It was lost, and is being made again.
    Reconnecting,
    /// The broker is closed, for good.
    Closed,
}

/// What a broker beyond the process has besides: for those who bridge to it. See
/// [`MessageBroker::linked`](crate::MessageBroker::linked).
pub trait LinkedBroker<M: Message>: Send + Sync {
    /// The state of its connection, now and as it changes. While it is `Connected`, a publish that is polled is on
    /// its way to the server once it is pending.
    fn state(&self) -> watch::Receiver<ConnectionState>;

    /// Subscribes to what is about a topic of this pattern; more than that may come, too.
    fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<M>>;
}
