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
    /// The state of its connection, now and as it changes.
    fn state(&self) -> watch::Receiver<ConnectionState>;

    /// How many publishes may be pending at a time and are still done in the order in which they were polled first,
    /// as long as it is connected and nobody else publishes. 1 if a publish that is pending waits for room, and not
    /// for the server.
    fn pipeline(&self) -> usize;

    /// Subscribes to what is about a topic of this pattern; more than that may come, too.
    fn subscribe_topic(&self, pattern: TopicPattern) -> BoxFuture<'_, MessageStream<M>>;
}
