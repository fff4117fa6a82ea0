//! What publishers and subscriptions of one in-memory broker share, beside the bus.

use std::sync::{Arc, OnceLock};

use crate::broker::broker::Message;
use crate::broker::config::BrokerConfig;
use crate::broker::dead_letter::{DeadLetter, DeadLetterReason, DeadLetters, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::pending::{Found, Table, Ticket};
use crate::broker::subscription::Deliveries;
use crate::envelope::{MessageEnvelope, MessageHeader, Timestamp};
use crate::hook::{Hook, Outcome};
use crate::sync::counter::Counter;

pub(crate) struct Services<M, H> {
    pub(crate) hooks: H,
    pub(crate) dead_letters: DeadLetters<M>,
    pub(crate) config: BrokerConfig,
    pub(crate) counts: Counts,
    /// Made for the first request.
    requests: OnceLock<Arc<Table<M>>>,
}

/// What has come of messages and requests.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) answered: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) abandoned: Counter,
}

impl<M: Message, H: Hook<M>> Services<M, H> {
    pub(crate) fn new(hooks: H, dead_letters: DeadLetters<M>, config: BrokerConfig) -> Self {
        let requests = OnceLock::new();
        let services = Self { hooks, dead_letters, config, counts: Counts::default(), requests };
        if cfg!(stentor_loom) {
            // The model checker does not know `OnceLock`.
            services.table();
        }
        services
    }

    /// The requests that wait for their replies.
    pub(crate) fn table(&self) -> &Arc<Table<M>> {
        self.requests.get_or_init(|| Arc::new(Table::new(self.config.pending_requests)))
    }

    /// The same, if there has been a request.
    pub(crate) fn table_if_used(&self) -> Option<&Arc<Table<M>>> {
        self.requests.get()
    }

    /// Asks the hooks for leave to publish a message, which may be a reply.
    #[inline]
    pub(crate) fn admit(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> Result<(MessageEnvelope<M>, Admitted<'_, M, H>), BrokerError<M>> {
        let (envelope, mut admitted) = self.admit_request(envelope)?;
        if envelope.metadata.correlation_id.is_some() {
            admitted.reply = self.reply_in(&envelope);
        }
        Ok((envelope, admitted))
    }

    /// The reply that an envelope is.
    fn reply_in(&self, envelope: &MessageEnvelope<M>) -> Option<Reply<M>> {
        match self.table_if_used()?.find(&envelope.metadata.header()) {
            Found::Awaited(ticket) => {
                Some(Reply { ticket: Some(ticket), envelope: envelope.clone() })
            }
            Found::Late => Some(Reply { ticket: None, envelope: envelope.clone() }),
            Found::Nothing => None,
        }
    }

    /// Hands a reply that has been published to its caller.
    fn reply(&self, Reply { ticket, envelope }: Reply<M>) {
        let handed = match ticket {
            Some(ticket) => self.table().reply(ticket, envelope),
            None => Err(envelope),
        };
        if let Err(late) = handed {
            self.dead_letter(late, DeadLetterReason::LateReply);
        }
    }

    /// Asks the hooks for leave to publish; a message that gets it is `Admitted`.
    #[inline]
    pub(crate) fn admit_request(
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
        Ok((envelope, Admitted { services: self, header, reply: None, is_settled: false }))
    }

    /// A message that nobody will handle.
    #[cold]
    pub(crate) fn dead_letter(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        let letter = DeadLetter { envelope, reason, at: Timestamp::now() };
        self.dead_letters.add(&letter);
        self.hooks.on_outcome(&Outcome::DeadLetter(&letter));
    }
}

impl<M: Message, H: Hook<M>> Deliveries<M> for Services<M, H> {
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
pub(crate) struct Admitted<'a, M: Message, H: Hook<M>> {
    services: &'a Services<M, H>,
    pub(crate) header: MessageHeader,
    reply: Option<Reply<M>>,
    is_settled: bool,
}

/// A reply on its way to its caller; without a ticket it is late.
struct Reply<M> {
    ticket: Option<Ticket>,
    envelope: MessageEnvelope<M>,
}

impl<M: Message, H: Hook<M>> Admitted<'_, M, H> {
    /// It has been published.
    #[inline(always)]
    pub(crate) fn published(mut self) {
        self.is_settled = true;
        self.services.hooks.after_publish(&self.header);
        if let Some(reply) = self.reply.take() {
            self.services.reply(reply);
        }
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

impl<M: Message, H: Hook<M>> Drop for Admitted<'_, M, H> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_settled {
            self.services.hooks.on_reject(&self.header, &Rejection::GIVEN_UP);
        }
    }
}
