//! What is known of a message that was published.

use std::fmt;

/// What is known of a message that was published, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Published {
    /// It is in this process. It goes out in order; how it may still be lost depends on where it is: the client
    /// loses what it has if the connection breaks before, and what is kept for the time after an outage
    /// ([`Outage::Buffer`](crate::Outage::Buffer)) becomes a dead letter if that does not come.
    Buffered,
    /// The server has had it: it is on its way to whoever was subscribed.
    Flushed,
    /// The server has written it down.
    Acked {
        /// Where.
        entry: EntryId,
        /// It had been written down before, under the same message id, and was not again.
        duplicate: bool,
    },
}

/// The place of a message in what a server has written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EntryId {
    /// JetStream: counted from 1 in each stream.
    Sequence(u64),
    /// Redis Streams: milliseconds since the Unix epoch, and a number within one of them.
    Timed(u64, u64),
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => write!(f, "{sequence}"),
            Self::Timed(millis, number) => write!(f, "{millis}-{number}"),
        }
    }
}
