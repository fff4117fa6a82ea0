//! Which records are wanted.

use crate::envelope::{
    ActorAddress, CorrelationId, InvalidTopic, MessageMetadata, Timestamp, TopicPattern,
};
use crate::journal::catalog::Catalog;
use crate::journal::error::JournalError;
use crate::journal::record::Kind;
use crate::journal::summary::Place;

/// Which records of a journal are wanted: from where on, and of what kind. Everything that is said must be true of a
/// record.
///
/// ```
/// use stentor::ReplayQuery;
///
/// let query = ReplayQuery::new().from_sequence(1_000).topic("orders.>").unwrap();
/// # drop(query);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ReplayQuery {
    pub(crate) start: Start,
    /// Records from this sequence on are not wanted.
    pub(crate) until: Option<u64>,
    kind: Which,
    topic: Option<TopicPattern>,
    sender: Option<ActorAddress>,
    recipient: Option<ActorAddress>,
    correlation_id: Option<CorrelationId>,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Start {
    #[default]
    Oldest,
    Sequence(u64),
    Time(Timestamp),
}

#[derive(Clone, Copy, Debug, Default)]
enum Which {
    #[default]
    Messages,
    DeadLetters,
    Both,
}

impl ReplayQuery {
    /// All messages, from the oldest on.
    pub fn new() -> Self {
        Self::default()
    }

    /// From the record of this sequence on.
    pub fn from_sequence(mut self, sequence: u64) -> Self {
        self.start = Start::Sequence(sequence);
        self
    }

    /// From the first record on that was journalled at this time or later.
    pub fn from_time(mut self, time: Timestamp) -> Self {
        self.start = Start::Time(time);
        self
    }

    /// Only records before this sequence.
    pub fn until_sequence(mut self, sequence: u64) -> Self {
        self.until = Some(sequence);
        self
    }

    /// Only messages whose topic is of this [`TopicPattern`]. Those without a topic are of none.
    ///
    /// # Errors
    /// The text is no pattern.
    pub fn topic(mut self, pattern: &str) -> Result<Self, InvalidTopic> {
        self.topic = Some(TopicPattern::new(pattern)?);
        Ok(self)
    }

    /// Only messages from this sender.
    pub fn sender(mut self, sender: ActorAddress) -> Self {
        self.sender = Some(sender);
        self
    }

    /// Only messages for this recipient.
    pub fn recipient(mut self, recipient: ActorAddress) -> Self {
        self.recipient = Some(recipient);
        self
    }

    /// Only messages with this correlation id.
    pub fn correlation_id(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }

    /// Dead letters instead of messages.
    pub fn dead_letters(mut self) -> Self {
        self.kind = Which::DeadLetters;
        self
    }

    /// Dead letters as well as messages.
    pub fn with_dead_letters(mut self) -> Self {
        self.kind = Which::Both;
        self
    }

    pub(crate) fn wants_kind(&self, kind: Kind) -> bool {
        match (self.kind, kind) {
            (_, Kind::Withdrawal)
            | (Which::Messages, Kind::DeadLetter)
            | (Which::DeadLetters, Kind::Message) => false,
            (_, Kind::Message | Kind::DeadLetter) => true,
        }
    }

    pub(crate) fn wants(&self, metadata: &MessageMetadata) -> bool {
        fn is<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
            wanted.is_none() || wanted == found
        }
        is(self.sender, metadata.sender)
            && is(self.recipient, metadata.recipient)
            && is(self.correlation_id, metadata.correlation_id)
            && matches(self.topic.as_ref(), metadata)
    }
}

/// Whether a message is of a pattern, if there is one.
pub(crate) fn matches(pattern: Option<&TopicPattern>, metadata: &MessageMetadata) -> bool {
    pattern
        .is_none_or(|pattern| metadata.topic.as_ref().is_some_and(|topic| pattern.matches(topic)))
}

impl Start {
    /// Where to begin to read: the segment, and a place in it.
    pub(crate) fn find(self, catalog: &Catalog) -> Result<(u64, Place), JournalError> {
        match self {
            Self::Oldest => catalog.find_sequence(catalog.first()),
            Self::Sequence(sequence) => catalog.find_sequence(sequence),
            Self::Time(time) => Ok(catalog.find_time(time)),
        }
    }

    /// Whether a record is at the start or behind it.
    pub(crate) fn has_come(self, sequence: u64, at: Timestamp) -> bool {
        match self {
            Self::Oldest => true,
            Self::Sequence(first) => sequence >= first,
            Self::Time(first) => at >= first,
        }
    }
}
