//! What a bus says of itself.

use std::fmt;

use crate::ring::cursor::Overflow;

/// Names a subscription; never used twice on a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub(crate) u64);

impl fmt::Display for SubscriberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A bus at one moment. The numbers are read one after the other while others go on, so they need not
/// add up to the last message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BusStats {
    /// Messages published so far.
    pub published: u64,
    /// Those of them that nobody was subscribed to hear.
    pub unheard: u64,
    /// Slots in the ring.
    pub capacity: usize,
    /// Messages kept for late joiners.
    pub retain: usize,
    /// Living publishers.
    pub publishers: usize,
    /// Publishers (threads and tasks) that sleep until there is room.
    pub waiting_publishers: usize,
    /// Nothing can be published any more.
    pub closed: bool,
    /// The subscriptions, oldest first, evicted ones included until their subscriber is dropped.
    pub subscribers: Vec<SubscriberStats>,
}

/// A subscription at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubscriberStats {
    /// Its id.
    pub id: SubscriberId,
    /// Its name.
    pub name: String,
    /// The sequence of the message it reads next, or would if it had not been evicted.
    pub cursor: u64,
    /// Messages published and not read by it. What holds up publishers has the largest.
    pub lag: u64,
    /// Messages it has lost so far, but for those of a moment ago.
    pub missed: u64,
    /// What happens when it is in the way of a full ring.
    pub overflow: Overflow,
    /// It was in the way, and its subscription is over.
    pub evicted: bool,
    /// It sleeps until something is published.
    pub parked: bool,
}
