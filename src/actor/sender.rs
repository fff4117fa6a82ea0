//! The way into one actor's mailbox, past the broker.

use std::error::Error;
use std::fmt;

use crate::actor::mailbox::Pushed;
use crate::actor::registry::{ActorRegistry, tenancy};
use crate::broker::DeadLetterReason;
use crate::envelope::{ActorAddress, MessageEnvelope};

/// The way into one actor's mailbox: what its address [resolves](crate::ActorRegistry::resolve) to. What is put
/// in here is not seen by the broker, its hooks and subscribers, and keeps no order with what goes over it.
pub struct MailboxSender<M> {
    registry: ActorRegistry<M>,
    address: ActorAddress,
}

impl<M> MailboxSender<M> {
    pub(crate) fn new(registry: ActorRegistry<M>, address: ActorAddress) -> Self {
        Self { registry, address }
    }

    /// Whose mailbox it is.
    pub fn address(&self) -> ActorAddress {
        self.address
    }

    /// Puts an envelope into the mailbox, whatever recipient it names, and never waits. With
    /// [`DropOldest`](crate::MailboxPolicy::DropOldest) gives the message that was dropped for it, if one was.
    ///
    /// # Errors
    /// The mailbox is full, or the actor has ended or is about to; the envelope comes back.
    pub fn try_send(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> Result<Option<MessageEnvelope<M>>, MailboxError<M>> {
        let closed = |envelope| MailboxError::Closed {
            envelope,
            reason: self.registry.why_not(self.address),
        };
        let Ok(cell) = self.registry.cell(self.address) else { return Err(closed(envelope)) };
        let Some(mut pusher) = cell.mailbox.pusher(tenancy(self.address)) else {
            return Err(closed(envelope));
        };
        let pushed = pusher.push(envelope);
        if let Some(waker) = pusher.finish() {
            waker.wake();
        }
        match pushed {
            Pushed::Accepted => Ok(None),
            Pushed::Evicted(oldest) => Ok(Some(oldest)),
            Pushed::Full(envelope) => Err(MailboxError::Full(envelope)),
        }
    }
}

impl<M> Clone for MailboxSender<M> {
    fn clone(&self) -> Self {
        Self { registry: self.registry.clone(), address: self.address }
    }
}

impl<M> fmt::Debug for MailboxSender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailboxSender").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A mailbox has not accepted a message.
pub enum MailboxError<M> {
    /// It is full; here is the message.
    Full(MessageEnvelope<M>),
    /// It accepts none any more.
    Closed {
        /// The message.
        envelope: MessageEnvelope<M>,
        /// Why it does not.
        reason: DeadLetterReason,
    },
}

impl<M> MailboxError<M> {
    /// The message.
    pub fn into_envelope(self) -> MessageEnvelope<M> {
        match self {
            Self::Full(envelope) | Self::Closed { envelope, .. } => envelope,
        }
    }
}

impl<M> fmt::Display for MailboxError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the mailbox is full"),
            Self::Closed { reason, .. } => write!(f, "the mailbox accepts nothing: {reason}"),
        }
    }
}

impl<M> fmt::Debug for MailboxError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailboxError({self})")
    }
}

impl<M> Error for MailboxError<M> {}
