//! What a broker beyond the process says of itself.

use crate::broker::ConnectionState;
use crate::broker::{DeadLetterCounts, RequestMetrics};
use crate::sync::counter::Counter;

/// A broker beyond the process at one moment. Numbers that only grow are counted from when it was connected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RemoteMetrics {
    /// Its connection.
    pub state: ConnectionState,
    /// How often the connection was lost.
    pub connections_lost: u64,
    /// How often a subscription was interrupted that has a connection of its own (Redis Pub/Sub): messages may
    /// have been lost each time. The server itself cuts those off that it cannot get rid of its messages to.
    pub interruptions: u64,
    /// Messages published: handed over as far as their outcome says.
    pub published: u64,
    /// Of these, messages that were kept in an outage: see [`Outage::Buffer`](crate::Outage::Buffer).
    pub buffered: u64,
    /// Messages that are kept now.
    pub buffer_messages: usize,
    /// The bytes that these have, encoded.
    pub buffer_bytes: usize,
    /// Messages that came for a stream of this broker, once for each.
    pub received: u64,
    /// Messages that were dropped because a stream was too far behind (and not counted by the stream
    /// itself: see [`MessageStream::missed`](crate::MessageStream::missed)).
    pub dropped: u64,
    /// What came and was no message: see `undecodable`.
    pub undecodable: u64,
    /// Messages delivered again, for they were not acknowledged the first time.
    pub redelivered: u64,
    /// Acknowledgements that could not be sent: those messages will come again.
    pub failed_acks: u64,
    /// Streams that are fed.
    pub streams: usize,
    /// Requests.
    pub requests: RequestMetrics,
    /// Messages that nobody handled, by reason.
    pub dead_letters: DeadLetterCounts,
}

/// What is counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) interruptions: Counter,
    pub(crate) published: Counter,
    pub(crate) buffered: Counter,
    pub(crate) received: Counter,
    pub(crate) dropped: Counter,
    pub(crate) undecodable: Counter,
    pub(crate) redelivered: Counter,
    pub(crate) failed_acks: Counter,
}
