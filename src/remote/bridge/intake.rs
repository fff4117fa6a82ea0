//! Takes from the ring what is to be exported.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::broker::{DeadLetterReason, InMemoryMessageBroker, Message};
use crate::bus::{Batch, RecvError, Subscriber};
use crate::envelope::{MessageEnvelope, MessageMetadata};
use crate::hook::Hook;
use crate::remote::bridge::carried::Carried;
use crate::remote::bridge::counts::Counts;
use crate::remote::bridge::patterns::Patterns;

/// Messages looked at in place at a time.
const BATCH: usize = 64;

pub(crate) struct Intake<M: Message, H: Hook<M>> {
    pub(crate) subscriber: Subscriber<MessageEnvelope<M>>,
    pub(crate) wanted: Wanted<M, H>,
    /// What was wanted, and is not started yet.
    pub(crate) taken: VecDeque<MessageEnvelope<M>>,
    /// How many more to look at, once it is to end.
    left: Option<u64>,
}

/// What a message of the ring must be to be exported.
pub(crate) struct Wanted<M: Message, H: Hook<M>> {
    pub(crate) local: InMemoryMessageBroker<M, H>,
    pub(crate) patterns: Patterns,
    pub(crate) carried: Arc<Carried>,
    pub(crate) counts: Arc<Counts>,
}

impl<M: Message, H: Hook<M>> Intake<M, H> {
    pub(crate) fn new(subscriber: Subscriber<MessageEnvelope<M>>, wanted: Wanted<M, H>) -> Self {
        Self { subscriber, wanted, taken: VecDeque::new(), left: None }
    }

    /// Only what is in the ring by now.
    pub(crate) fn end_here(&mut self) {
        if self.left.is_none() {
            self.left = Some(self.subscriber.lag());
        }
    }

    /// Whether it is to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.left.is_some()
    }

    /// Whether there is more to look at, now or later.
    pub(crate) fn goes_on(&self) -> bool {
        self.left != Some(0)
    }

    /// Looks at the next messages, and takes those that are wanted: they are copied, for to read in place is
    /// to hold up the ring.
    pub(crate) async fn look(&mut self) {
        let most = self.left.map_or(BATCH, |left| BATCH.min(left as usize));
        let looked = match self.subscriber.read_async(most).await {
            Ok(batch) => {
                self.wanted.take(&batch, &mut self.taken);
                batch.len() as u64
            }
            Err(RecvError::Lagged(count)) => {
                self.wanted.counts.dropped.lagged.add(count);
                count
            }
            Err(RecvError::Evicted(_) | RecvError::Closed) => {
                self.left = Some(0);
                return;
            }
        };
        self.left = self.left.map(|left| left.saturating_sub(looked));
    }
}

impl<M: Message, H: Hook<M>> Wanted<M, H> {
    fn take(
        &self,
        batch: &Batch<'_, MessageEnvelope<M>>,
        taken: &mut VecDeque<MessageEnvelope<M>>,
    ) {
        for envelope in batch.iter().filter(|envelope| self.is_wanted(&envelope.metadata)) {
            if envelope.metadata.is_expired() {
                self.counts.dropped.expired.add(1);
                let letter = envelope.clone();
                self.local.services().dead_letter(letter, DeadLetterReason::Expired);
            } else {
                taken.push_back(envelope.clone());
            }
        }
    }

    /// What has an origin came over a bridge, and goes over none again.
    fn is_wanted(&self, metadata: &MessageMetadata) -> bool {
        metadata.origin.is_none()
            && (self.carried.is_reply(metadata) || self.patterns.want(metadata))
    }
}
