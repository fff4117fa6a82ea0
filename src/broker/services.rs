//! What publishers and subscriptions of one in-memory broker share, beside the bus.

use std::marker::PhantomData;

use crate::broker::config::BrokerConfig;
use crate::broker::dead_letter::{DeadLetter, DeadLetterReason, DeadLetters, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::subscription::Deliveries;
use crate::envelope::{MessageEnvelope, MessageHeader, Timestamp};
use crate::hook::{Hook, Outcome};

pub(crate) struct Services<M, H> {
    pub(crate) hooks: H,
    pub(crate) dead_letters: DeadLetters<M>,
    pub(crate) config: BrokerConfig,
}

impl<M: Clone + Send + Sync, H: Hook<M>> Services<M, H> {
    /// Asks the hooks for leave to publish; a message that gets it is `Admitted`.
    #[inline]
    pub(crate) fn admit(
        &self,
        mut envelope: MessageEnvelope<M>,
    ) -> Result<(MessageEnvelope<M>, Admitted<'_, M, H>), BrokerError<M>> {
        let metadata = &mut envelope.metadata;
        if metadata.timestamp.is_none() {
            metadata.timestamp = self.config.clock.now(metadata.ttl.is_some());
        }
        if metadata.is_expired() {
            self.dead_letter(envelope.clone(), DeadLetterReason::Expired);
            return Err(BrokerError::Expired(envelope));
        }
        if let Err(rejection) = self.hooks.before_publish(&mut envelope) {
            self.dead_letter(envelope.clone(), DeadLetterReason::Rejected(rejection.clone()));
            return Err(BrokerError::rejected(envelope, rejection));
        }
        let header = envelope.metadata.header();
        Ok((envelope, Admitted { services: self, header, is_settled: false, message: PhantomData }))
    }

    /// A message that nobody will handle.
    #[cold]
    pub(crate) fn dead_letter(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        let letter = DeadLetter { envelope, reason, at: Timestamp::now() };
        self.dead_letters.add(&letter);
        self.hooks.on_outcome(&Outcome::DeadLetter(&letter));
    }
}

impl<M: Clone + Send + Sync, H: Hook<M>> Deliveries<M> for Services<M, H> {
    fn delivered(&self, envelope: &MessageEnvelope<M>, subscription: &str) {
        self.hooks.on_deliver(envelope, subscription);
    }

    fn missed(&self, subscription: &str, count: u64) {
        self.hooks.on_outcome(&Outcome::Missed { subscription, count });
    }

    fn expired(&self, envelope: MessageEnvelope<M>) {
        self.dead_letter(envelope, DeadLetterReason::Expired);
    }
}

/// A message that the hooks have let pass: they are told what came of it, also if the publisher gives up.
pub(crate) struct Admitted<'a, M, H: Hook<M>> {
    services: &'a Services<M, H>,
    pub(crate) header: MessageHeader,
    is_settled: bool,
    message: PhantomData<fn(M)>,
}

impl<M, H: Hook<M>> Admitted<'_, M, H> {
    /// It has been published.
    #[inline(always)]
    pub(crate) fn published(mut self) {
        self.is_settled = true;
        self.services.hooks.after_publish(&self.header);
    }

    /// It has not, for the broker is closed.
    #[cold]
    pub(crate) fn closed(self, envelope: MessageEnvelope<M>) -> BrokerError<M> {
        self.refused(&Rejection::CLOSED);
        BrokerError::Closed(envelope)
    }

    /// It has not.
    pub(crate) fn refused(mut self, rejection: &Rejection) {
        self.is_settled = true;
        self.services.hooks.on_reject(&self.header, rejection);
    }
}

impl<M, H: Hook<M>> Drop for Admitted<'_, M, H> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_settled {
            self.services.hooks.on_reject(&self.header, &Rejection::GIVEN_UP);
        }
    }
}
