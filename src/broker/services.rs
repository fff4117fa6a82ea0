//! What publishers and subscriptions of one in-memory broker share, beside the bus.

use std::sync::{Arc, OnceLock};

use crate::broker::broker::Message;
use crate::broker::config::BrokerConfig;
use crate::broker::dead_letter::{DeadLetter, DeadLetterReason, DeadLetters, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::metrics::RequestMetrics;
use crate::broker::pending::{Found, Table, Ticket};
use crate::broker::slot::Ending;
use crate::broker::subscription::Deliveries;
#[cfg(feature = "remote")]
use crate::envelope::Origin;
use crate::envelope::{MessageEnvelope, MessageHeader, MessageMetadata, Timestamp};
use crate::hook::{Hook, Outcome};
use crate::sync::counter::Counter;

pub(crate) struct Services<M, H> {
    pub(crate) hooks: H,
    pub(crate) dead_letters: DeadLetters<M>,
    pub(crate) config: BrokerConfig,
    pub(crate) counts: Counts,
    /// Made for the first request.
    requests: OnceLock<Arc<Table<M>>>,
    /// The origin of what bridges export from here, once there is a bridge.
    #[cfg(feature = "remote")]
    origin: OnceLock<Option<Origin>>,
}

/// What has come of messages and requests.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) answered: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) abandoned: Counter,
    pub(crate) undeliverable: Counter,
}

impl<M: Message, H: Hook<M>> Services<M, H> {
    pub(crate) fn new(hooks: H, dead_letters: DeadLetters<M>, config: BrokerConfig) -> Self {
        let services = Self {
            hooks,
            dead_letters,
            config,
            counts: Counts::default(),
            requests: OnceLock::new(),
            #[cfg(feature = "remote")]
            origin: OnceLock::new(),
        };
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

    /// How its requests are doing.
    pub(crate) fn request_metrics(&self) -> RequestMetrics {
        RequestMetrics {
            pending: self.table_if_used().map_or(0, |table| table.pending()),
            limit: self.config.pending_requests,
            answered: self.counts.answered.get(),
            timed_out: self.counts.timed_out.get(),
            abandoned: self.counts.abandoned.get(),
            undeliverable: self.counts.undeliverable.get(),
        }
    }

    /// The origin of what bridges export from here; `None` if too many brokers have had one.
    #[cfg(feature = "remote")]
    pub(crate) fn origin(&self) -> Option<Origin> {
        *self.origin.get_or_init(Origin::fresh)
    }

    /// The reply that an envelope is, if it is one.
    #[inline(always)]
    pub(crate) fn reply_in(&self, envelope: &MessageEnvelope<M>) -> Reply<M> {
        match self.find(&envelope.metadata) {
            Found::Nothing => Reply { ticket: None, ending: None },
            Found::Late => Reply { ticket: None, ending: Some(Ok(envelope.clone())) },
            Found::Awaited(ticket) => {
                Reply { ticket: Some(ticket), ending: Some(Ok(envelope.clone())) }
            }
        }
    }

    #[inline(always)]
    fn find(&self, metadata: &MessageMetadata) -> Found {
        match self.table_if_used() {
            Some(table) if metadata.correlation_id.is_some() => table.find(metadata),
            _ => Found::Nothing,
        }
    }

    /// Hands a reply that has been published to its caller.
    #[inline(always)]
    pub(crate) fn reply(&self, reply: &mut Reply<M>) {
        if reply.ending.is_some() {
            self.reply_to_caller(reply);
        }
    }

    #[inline(never)]
    fn reply_to_caller(&self, reply: &mut Reply<M>) {
        if let Some(ticket) = reply.ticket
            && self.table().reply(ticket, &mut reply.ending)
        {
            return;
        }
        if let Some(Ok(late)) = reply.ending.take() {
            self.dead_letter(late, DeadLetterReason::LateReply);
        }
    }

    /// Asks the hooks for leave to publish a message. One that gets it goes on to `published` or
    /// `let_out`.
    #[inline(always)]
    pub(crate) fn admit(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Refusal> {
        let metadata = &mut envelope.metadata;
        if metadata.timestamp.is_none() {
            metadata.timestamp = self.config.clock.now(metadata.ttl.is_some());
        } else if metadata.is_expired() {
            return Err(Refusal::Expired);
        }
        self.hooks.before_publish(envelope).map_err(Refusal::Rejected)
    }

    /// A message has been published.
    #[inline(always)]
    pub(crate) fn published(&self, header: &MessageHeader) {
        self.hooks.after_publish(header);
    }

    /// A message that was admitted has not been published.
    #[inline(always)]
    pub(crate) fn let_out(&self, header: &MessageHeader, rejection: &Rejection) {
        self.hooks.on_reject(header, rejection);
    }

    /// The same, for the broker is closed.
    #[cold]
    pub(crate) fn closed(&self, envelope: MessageEnvelope<M>) -> BrokerError<M> {
        self.let_out(&envelope.metadata.header(), &Rejection::CLOSED);
        BrokerError::Closed(envelope)
    }

    /// Buries a message that was refused; what its publisher is told.
    #[cold]
    pub(crate) fn refuse(&self, envelope: MessageEnvelope<M>, refusal: Refusal) -> BrokerError<M> {
        match refusal {
            Refusal::Expired => {
                self.dead_letter(envelope.clone(), DeadLetterReason::Expired);
                BrokerError::Expired(envelope)
            }
            Refusal::Rejected(rejection) => {
                let reason = DeadLetterReason::Rejected(rejection.clone());
                self.dead_letter(envelope.clone(), reason);
                BrokerError::rejected(envelope, rejection)
            }
        }
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

/// Why a message may not be published.
pub(crate) enum Refusal {
    Expired,
    Rejected(Rejection),
}

/// A reply on its way to its caller, if there is one; without a ticket it is late.
pub(crate) struct Reply<M> {
    ticket: Option<Ticket>,
    /// Here until the caller has it.
    ending: Option<Ending<M>>,
}
