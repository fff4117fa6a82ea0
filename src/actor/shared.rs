//! What a system, its actors and its routers share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::actor::config::{ForeignRecipients, SystemConfig};
use crate::actor::error::{AskError, SendError};
use crate::actor::event::{ActorEvent, ActorEventKind};
use crate::actor::gate::Gate;
use crate::actor::pinned::Crew;
use crate::actor::registry::{ActorRegistry, spread};
use crate::actor::system::SystemState;
use crate::actor::tasks::Tasks;
use crate::broker::{BrokerError, DeadLetterReason, DeadLetters, Message, MessageBroker};
use crate::bus::{Bus, Publisher};
use crate::envelope::{ActorAddress, CorrelationId, MessageEnvelope};
use crate::sync::counter::Counter;

pub(crate) struct Shared<M, B> {
    pub(crate) broker: B,
    pub(crate) config: SystemConfig,
    pub(crate) registry: ActorRegistry<M>,
    pub(crate) gate: Gate,
    pub(crate) state: watch::Sender<SystemState>,
    pub(crate) runtime: Handle,
    pub(crate) crew: Crew,
    pub(crate) tasks: Tasks,
    pub(crate) events: Bus<ActorEvent>,
    event_publisher: Publisher<ActorEvent>,
    /// Where the broker has no dead letters.
    pub(crate) dead_letters: Option<DeadLetters<M>>,
    pub(crate) buried: Counter,
    /// Messages that could not be copied to their mailbox.
    pub(crate) clone_panics: Counter,
    pub(crate) spawned: Counter,
    /// Messages handled by actors that have ended.
    pub(crate) handled: Counter,
}

impl<M: Message, B: MessageBroker<M>> Shared<M, B> {
    pub(crate) fn new(
        broker: B,
        config: SystemConfig,
        runtime: Handle,
        dead_letters: Option<DeadLetters<M>>,
    ) -> Self {
        let events = Bus::new(config.events);
        Self {
            crew: Crew::new(&config),
            registry: ActorRegistry::new(),
            gate: Gate::new(),
            state: watch::Sender::new(SystemState::Starting),
            runtime,
            tasks: Tasks::default(),
            event_publisher: events.publisher(),
            events,
            dead_letters,
            buried: Counter::default(),
            clone_panics: Counter::default(),
            spawned: Counter::default(),
            handled: Counter::default(),
            broker,
            config,
        }
    }

    pub(crate) fn state(&self) -> SystemState {
        *self.state.borrow()
    }

    /// Whether messages for others than our actors are dead letters.
    pub(crate) fn buries_foreign(&self) -> bool {
        match self.config.foreign_recipients {
            ForeignRecipients::Auto => self.broker.local().is_some(),
            ForeignRecipients::DeadLetter => true,
            ForeignRecipients::PassOver => false,
        }
    }

    // ===== telling =====

    /// A message that nobody will handle. Runs hooks: hold no lock. A panic of theirs, or of the message's own
    /// code, is not passed on: there may be more to bury.
    #[cold]
    pub(crate) fn bury(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        self.buried.add(1);
        let bury = || match (self.broker.local(), &self.dead_letters) {
            (Some(local), _) => local.report_dead_letter(envelope, reason),
            (None, Some(own)) => own.bury(envelope, reason),
            (None, None) => {}
        };
        let _ = catch_unwind(AssertUnwindSafe(bury)).map_err(std::mem::forget);
    }

    pub(crate) fn tell(&self, address: ActorAddress, name: Option<Arc<str>>, kind: ActorEventKind) {
        // All listeners are lossy, so there is room unless one reads a batch in place: it loses this one.
        drop(self.event_publisher.try_publish(ActorEvent { address, name, kind }));
    }

    // ===== sending =====

    /// Sends a message from within the system. One future rather than several within each other, which would move
    /// the message from one to the next.
    #[expect(clippy::manual_async_fn, reason = "it would keep its arguments twice")]
    #[inline(always)]
    pub(crate) fn send(
        &self,
        sender: Option<ActorAddress>,
        recipient: ActorAddress,
        message: M,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        async move {
            let Some(_permit) = self.gate.enter(sender.map_or(0, spread)) else {
                return Err(self.not_running(addressed(sender, recipient, message)));
            };
            if self.registry.refuses(recipient) {
                return Err(SendError::MailboxFull(addressed(sender, recipient, message)));
            }
            let sent = self.broker.publish(addressed(sender, recipient, message)).await;
            sent.map_err(SendError::Broker)
        }
    }

    /// Publishes a message from within the system.
    #[expect(clippy::manual_async_fn, reason = "it would keep its arguments twice")]
    #[inline(always)]
    pub(crate) fn publish(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        async move {
            let lane = envelope.metadata.sender.map_or(0, spread);
            let Some(_permit) = self.gate.enter(lane) else {
                return Err(self.not_running(envelope));
            };
            let recipient = envelope.metadata.recipient;
            if recipient.is_some_and(|recipient| self.registry.refuses(recipient)) {
                return Err(SendError::MailboxFull(envelope));
            }
            self.broker.publish(envelope).await.map_err(SendError::Broker)
        }
    }

    #[cold]
    fn not_running(&self, envelope: MessageEnvelope<M>) -> SendError<M, B::Error> {
        SendError::NotRunning { envelope, state: self.state() }
    }

    #[expect(clippy::manual_async_fn, reason = "it would keep its arguments twice")]
    #[inline(always)]
    pub(crate) fn reply(
        &self,
        sender: Option<ActorAddress>,
        to: &MessageEnvelope<M>,
        message: M,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        async move {
            let mut envelope = to.reply(message);
            envelope.metadata.sender = sender;
            let Some(back) = envelope.metadata.recipient else {
                return Err(SendError::NoRecipient(envelope));
            };
            // The router has nothing to do with others, so they may come while it is shut down.
            let is_routed = self.registry.is_own(back) && !self.registry.is_asks(back);
            let permit = if is_routed { self.gate.enter(sender.map_or(0, spread)) } else { None };
            if is_routed && permit.is_none() {
                return Err(self.not_running(envelope));
            }
            if is_routed && self.registry.refuses(back) {
                return Err(SendError::MailboxFull(envelope));
            }
            self.broker.publish(envelope).await.map_err(SendError::Broker)
        }
    }

    #[expect(clippy::manual_async_fn, reason = "it would keep its arguments twice")]
    #[inline(always)]
    pub(crate) fn request<R>(
        &self,
        sender: Option<ActorAddress>,
        recipient: ActorAddress,
        message: M,
        timeout: std::time::Duration,
    ) -> impl Future<Output = Result<MessageEnvelope<R>, AskError<M, B::Error>>> + Send
    where
        R: Message + TryFrom<M>,
    {
        async move {
            let envelope = addressed(sender, recipient, message)
                .with_reply_to(self.registry.asks())
                .with_correlation_id(CorrelationId::new());
            let Some(_permit) = self.gate.enter(sender.map_or(0, spread)) else {
                return Err(AskError::NotRunning { envelope, state: self.state() });
            };
            if let Some(reason) = self.known_undeliverable(recipient) {
                self.bury(envelope.clone(), reason.clone());
                return Err(AskError::Undeliverable { envelope, reason });
            }
            match self.broker.publish_request::<R>(envelope.clone(), timeout).await {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) => Err(AskError::TimedOut(envelope)),
                Err(error) => match undeliverable::<M, _>(&error) {
                    Some(reason) => Err(AskError::Undeliverable { envelope, reason }),
                    None => Err(AskError::Broker(error)),
                },
            }
        }
    }

    /// Why a request cannot be handled, where nobody would tell its caller later: the broker of another process
    /// does not know of dead letters.
    fn known_undeliverable(&self, recipient: ActorAddress) -> Option<DeadLetterReason> {
        let is_ours = self.broker.local().is_none() && self.registry.is_own(recipient);
        (is_ours && self.registry.resolve(&recipient).is_none())
            .then(|| self.registry.why_not(recipient))
    }
}

/// A message from an actor, or from nobody, to another.
#[inline(always)]
fn addressed<M>(
    sender: Option<ActorAddress>,
    recipient: ActorAddress,
    message: M,
) -> MessageEnvelope<M> {
    let mut envelope = MessageEnvelope::new(message).with_recipient(recipient);
    envelope.metadata.sender = sender;
    envelope
}

/// Why nobody will handle a request, if that is what an error says.
fn undeliverable<M: Message, E: std::error::Error + 'static>(
    error: &E,
) -> Option<DeadLetterReason> {
    let error: &(dyn std::error::Error + 'static) = error;
    match error.downcast_ref::<BrokerError<M>>()? {
        BrokerError::Undeliverable { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}
