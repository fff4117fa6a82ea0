//! What a broker says of itself.

use crate::broker::dead_letter::DeadLetterCounts;
use crate::bus::SubscriberStats;

/// An in-memory broker at one moment. Numbers that only grow are counted from when it was built. They are
/// read one after the other while others go on, so they need not add up to the last message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokerMetrics {
    /// Messages published.
    pub published: u64,
    /// Those of them that nobody was subscribed to hear.
    pub unheard: u64,
    /// Slots in the ring.
    pub capacity: usize,
    /// Publishers (threads and tasks) that sleep until there is room.
    pub waiting_publishers: usize,
    /// It has been shut down.
    pub closed: bool,
    /// Requests.
    pub requests: RequestMetrics,
    /// Messages that nobody handled, by reason; rejected ones among them.
    pub dead_letters: DeadLetterCounts,
    /// The subscriptions, oldest first. What holds up publishers has the largest lag.
    pub subscribers: Vec<SubscriberStats>,
}

/// Requests at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestMetrics {
    /// How many wait for their replies.
    pub pending: usize,
    /// How many may.
    pub limit: usize,
    /// How many were answered.
    pub answered: u64,
    /// How many were not in time.
    pub timed_out: u64,
    /// How many ended otherwise: their caller gave up, or the broker was closed.
    pub abandoned: u64,
    /// How many ended at once, because nobody would handle them.
    pub undeliverable: u64,
}
