//! Messages that come back out of a journal.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::broker::{BrokerError, InMemoryMessageBroker, Message};
use crate::codec::Codec;
use crate::envelope::{MessageEnvelope, Timestamp};
use crate::hook::Hook;
use crate::journal::error::JournalError;
use crate::journal::scan::{Parts, Scan};

/// A message, and what its journal knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Journalled<M> {
    /// Its place in the journal: one more than that of the record before it.
    pub sequence: u64,
    /// When it was journalled. It never goes back from one record to the next.
    pub at: Timestamp,
    /// Why it is a dead letter, if it is one.
    pub dead_letter: Option<String>,
    /// The message.
    pub envelope: MessageEnvelope<M>,
}

impl<M: 'static> Journalled<M> {
    #[inline]
    pub(crate) fn decode(parts: Parts<'_>, codec: &dyn Codec<M>) -> Result<Self, JournalError> {
        let Parts { header, reason, frame, .. } = parts;
        let sequence = header.sequence;
        let envelope =
            frame.decode(codec).map_err(|source| JournalError::Decode { sequence, source })?;
        let dead_letter = reason.map(str::to_owned);
        Ok(Self { sequence, at: header.at, dead_letter, envelope })
    }
}

/// The messages of a journal, oldest first, up to what was there when the replay began. Made by
/// [`Journal::replay`](crate::Journal::replay).
///
/// A record that cannot be decoded is one error, and the replay goes on behind it; any other error ends it.
#[must_use = "a replay reads nothing until it is iterated over"]
pub struct Replay<M> {
    scan: Scan,
    codec: Arc<dyn Codec<M>>,
    limit: u64,
    has_failed: bool,
}

impl<M: 'static> Replay<M> {
    pub(crate) fn new(scan: Scan, codec: Arc<dyn Codec<M>>, limit: u64) -> Self {
        Self { scan, codec, limit, has_failed: false }
    }

    /// The sequence of the next record it looks at.
    pub fn position(&self) -> u64 {
        self.scan.cursor.position()
    }

    /// It ends before this sequence.
    pub fn end(&self) -> u64 {
        self.limit
    }

    /// Goes on up to a later sequence.
    pub(crate) fn extend(&mut self, limit: u64, withdrawn: Arc<HashSet<u64>>) {
        self.limit = limit;
        self.scan.withdrawn = withdrawn;
    }

    /// Publishes everything at a broker, with its metadata as it was, and waits for room there. Gives how many
    /// messages that were; those that have expired meanwhile are dead letters there, and are not counted.
    ///
    /// # Errors
    /// What cannot be read, or is not published.
    pub fn publish_to<H: Hook<M>>(
        self,
        broker: &InMemoryMessageBroker<M, H>,
    ) -> Result<u64, ReplayError<M>>
    where
        M: Message,
    {
        let mut published = 0;
        for journalled in self {
            let envelope = journalled.map_err(ReplayError::Journal)?.envelope;
            match broker.publish_blocking(envelope) {
                Ok(()) => published += 1,
                Err(BrokerError::Expired(_)) => {}
                Err(error) => return Err(ReplayError::Broker(error)),
            }
        }
        Ok(published)
    }
}

impl<M: 'static> Iterator for Replay<M> {
    type Item = Result<Journalled<M>, JournalError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let codec = &*self.codec;
        let found = self.scan.find(self.limit, |parts| Journalled::decode(parts, codec));
        self.has_failed =
            found.as_ref().is_err_and(|error| !matches!(error, JournalError::Decode { .. }));
        found.transpose()
    }
}

impl<M> fmt::Debug for Replay<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Replay");
        shown.field("position", &self.scan.cursor.position()).field("end", &self.limit);
        shown.finish_non_exhaustive()
    }
}

/// A replay into a broker has stopped.
#[non_exhaustive]
pub enum ReplayError<M> {
    /// The journal could not be read.
    Journal(JournalError),
    /// A message was not published. The error has it.
    Broker(BrokerError<M>),
}

impl<M> fmt::Display for ReplayError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Broker(error) => error.fmt(f),
        }
    }
}

impl<M> fmt::Debug for ReplayError<M> {
    /// The sentence, without the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplayError({self})")
    }
}

impl<M> std::error::Error for ReplayError<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            Self::Broker(_) => None,
        }
    }
}
