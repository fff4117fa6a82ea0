//! Messages are written to a journal before they are published.

use std::collections::VecDeque;
use std::fmt;

use crate::broker::Rejection;
use crate::envelope::{MessageEnvelope, MessageHeader, MessageId};
use crate::hook::Hook;
use crate::sync::Mutex;

/// Where messages are kept before they are published: in memory ([`RingJournal`]), or on disk (`Journal`, with the
/// feature `journal`).
///
/// Many threads call it at a time; it puts the messages in an order. Those of one publisher come in their
/// order; two publishers may be published in another order than they are journalled in.
pub trait MessageLog<M>: Send + Sync + 'static {
    /// Why it cannot keep a message.
    type Error: fmt::Display;

    /// Keeps a message, which is about to be published. The publisher waits meanwhile.
    ///
    /// # Errors
    /// It could not; the message is then not published either.
    fn append(&self, envelope: &MessageEnvelope<M>) -> Result<(), Self::Error>;

    /// A message that it has kept was not published after all, and must not be replayed. (If it is
    /// published again later, it is appended again, under the same id.)
    fn withdraw(&self, id: MessageId);
}

/// Writes every message to a [`MessageLog`] before it is published, and rejects what the journal does not take.
///
/// So what subscribers have seen is in the journal. What is not published after all (a later hook rejects
/// it, the broker is full or closed, the publisher gives up) is withdrawn from it; for less of that, put
/// this hook last in a tuple.
///
/// ```
/// use stentor::{InMemoryMessageBroker, MessageEnvelope, Persist, RingJournal};
///
/// let hooks = Persist::new(RingJournal::new(100));
/// let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
/// broker.publish_blocking(MessageEnvelope::new("kept")).unwrap();
/// assert_eq!(broker.hooks().journal().replay()[0].message, "kept");
/// ```
#[derive(Debug)]
pub struct Persist<J> {
    journal: J,
}

impl<J> Persist<J> {
    /// Writes to this journal.
    pub fn new(journal: J) -> Self {
        Self { journal }
    }

    /// The journal.
    pub fn journal(&self) -> &J {
        &self.journal
    }
}

impl<M, J: MessageLog<M>> Hook<M> for Persist<J> {
    const DELIVERIES: bool = false;
    const OUTCOMES: bool = false;

    #[inline]
    fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
        self.journal
            .append(envelope)
            .map_err(|error| Rejection::new("persist", format!("the journal failed: {error}")))
    }

    fn on_reject(&self, header: &MessageHeader, _: &Rejection) {
        self.journal.withdraw(header.message_id);
    }
}

/// A journal in memory that keeps the last messages: for tests, and to look back after a fault.
pub struct RingJournal<M> {
    capacity: usize,
    kept: Mutex<Kept<M>>,
}

struct Kept<M> {
    /// Oldest first.
    envelopes: VecDeque<MessageEnvelope<M>>,
    /// How many were dropped to make room.
    overwritten: u64,
}

impl<M> RingJournal<M> {
    /// Keeps the last `capacity` messages. Their memory is taken now.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "a journal of capacity 0 keeps nothing: expected at least 1");
        let envelopes = VecDeque::with_capacity(capacity);
        Self { capacity, kept: Mutex::new(Kept { envelopes, overwritten: 0 }) }
    }

    /// How many messages were overwritten by later ones.
    pub fn overwritten(&self) -> u64 {
        self.kept.lock().overwritten
    }
}

impl<M: Clone> RingJournal<M> {
    /// Copies of the messages it has, oldest first. Publishers wait meanwhile.
    pub fn replay(&self) -> Vec<MessageEnvelope<M>> {
        self.kept.lock().envelopes.iter().cloned().collect()
    }
}

impl<M: Clone + Send + Sync + 'static> MessageLog<M> for RingJournal<M> {
    type Error = std::convert::Infallible;

    fn append(&self, envelope: &MessageEnvelope<M>) -> Result<(), Self::Error> {
        // Cloned before, and the oldest dropped after the lock is held: both may run the message's code.
        let envelope = envelope.clone();
        let mut kept = self.kept.lock();
        let oldest = if kept.envelopes.len() == self.capacity {
            kept.overwritten += 1;
            kept.envelopes.pop_front()
        } else {
            None
        };
        kept.envelopes.push_back(envelope);
        drop(kept);
        drop(oldest);
        Ok(())
    }

    fn withdraw(&self, id: MessageId) {
        let mut kept = self.kept.lock();
        // From the end: it was appended a moment ago.
        let place = kept.envelopes.iter().rposition(|kept| kept.metadata.message_id == id);
        let withdrawn = place.and_then(|place| kept.envelopes.remove(place));
        drop(kept);
        drop(withdrawn);
    }
}

impl<M> fmt::Debug for RingJournal<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingJournal").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
