//! A share of the messages on its way from the broker to the mailboxes. Whoever drives it - a router thread, a
//! task - routes a batch, then flushes: so each actor is woken once for a batch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::actor::mailbox::{Pushed, Pusher};
use crate::actor::registry::{spread, tenancy};
use crate::actor::shared::Shared;
use crate::broker::{DeadLetterReason, Message, MessageBroker};
use crate::envelope::{ActorAddress, MessageEnvelope};

pub(crate) struct Shard<M, B> {
    shared: Arc<Shared<M, B>>,
    /// Which of how many.
    share: (usize, usize),
    buries_foreign: bool,
    /// Whom to wake.
    woken: Vec<Waker>,
}

/// A message for which there was no room in time.
pub(crate) struct Overflow<M> {
    pub(crate) envelope: MessageEnvelope<M>,
    recipient: ActorAddress,
    /// How long to wait for room.
    pub(crate) patience: std::time::Duration,
}

impl<M: Message, B: MessageBroker<M>> Shard<M, B> {
    pub(crate) fn new(shared: &Arc<Shared<M, B>>, share: (usize, usize)) -> Self {
        let buries_foreign = shared.buries_foreign();
        Self { shared: Arc::clone(shared), share, buries_foreign, woken: Vec::new() }
    }

    /// Routes messages that are read in place, up to the first that has to wait for room.
    pub(crate) fn route_batch<'m>(
        &mut self,
        batch: &mut impl Iterator<Item = &'m MessageEnvelope<M>>,
    ) -> Option<Overflow<M>> {
        let shared = Arc::clone(&self.shared);
        let mut open: Option<(ActorAddress, Pusher<'_, M>)> = None;
        for message in batch {
            let recipient = message.metadata.recipient;
            // A run of messages for one actor takes its lock once.
            if open.as_ref().is_none_or(|(address, _)| Some(*address) != recipient) {
                self.shut(&mut open);
                let Some(recipient) = self.recipient(message) else { continue };
                let pusher = shared.registry.cell(recipient);
                let pusher = pusher.ok().and_then(|cell| cell.mailbox.pusher(tenancy(recipient)));
                match pusher {
                    Some(pusher) => open = Some((recipient, pusher)),
                    None => {
                        self.bury(message, shared.registry.why_not(recipient));
                        continue;
                    }
                }
            }
            let Some((recipient, pusher)) = &mut open else { continue };
            let recipient = *recipient;
            let Some(copy) = copy(message) else {
                shared.clone_panics.add(1);
                continue;
            };
            match pusher.push(copy) {
                Pushed::Accepted => {}
                Pushed::Evicted(oldest) => {
                    self.shut(&mut open);
                    self.shared.bury(oldest, DeadLetterReason::MailboxFull);
                }
                Pushed::Full(envelope) => {
                    let patience = pusher.patience();
                    self.shut(&mut open);
                    match patience {
                        None => self.shared.bury(envelope, DeadLetterReason::MailboxFull),
                        Some(patience) => {
                            // So that there will be room.
                            self.flush();
                            return Some(Overflow { envelope, recipient, patience });
                        }
                    }
                }
            }
        }
        self.shut(&mut open);
        None
    }

    /// Routes one message; gives it back if it has to wait for room.
    pub(crate) fn route_one(&mut self, envelope: MessageEnvelope<M>) -> Option<Overflow<M>> {
        let recipient = self.recipient(&envelope)?;
        self.deliver(recipient, envelope)
    }

    /// Tries again, now that there is room or nobody takes messages any more.
    pub(crate) fn retry(&mut self, overflow: Overflow<M>) -> Option<Overflow<M>> {
        self.deliver(overflow.recipient, overflow.envelope)
    }

    fn deliver(
        &mut self,
        recipient: ActorAddress,
        envelope: MessageEnvelope<M>,
    ) -> Option<Overflow<M>> {
        let shared = Arc::clone(&self.shared);
        let cell = shared.registry.cell(recipient);
        let Some(mut pusher) = cell.ok().and_then(|cell| cell.mailbox.pusher(tenancy(recipient)))
        else {
            shared.bury(envelope, shared.registry.why_not(recipient));
            return None;
        };
        let (pushed, patience) = (pusher.push(envelope), pusher.patience());
        self.woken.extend(pusher.finish());
        match (pushed, patience) {
            (Pushed::Accepted, _) => None,
            (Pushed::Full(envelope), Some(patience)) => {
                Some(Overflow { envelope, recipient, patience })
            }
            (Pushed::Full(envelope) | Pushed::Evicted(envelope), _) => {
                shared.bury(envelope, DeadLetterReason::MailboxFull);
                None
            }
        }
    }

    /// Ready when there may be room for a message.
    pub(crate) fn poll_room(&self, overflow: &Overflow<M>, cx: &mut Context<'_>) -> Poll<()> {
        match self.shared.registry.cell(overflow.recipient) {
            Ok(cell) => cell.mailbox.poll_room(tenancy(overflow.recipient), cx),
            Err(_) => Poll::Ready(()),
        }
    }

    /// There was no room in time.
    pub(crate) fn give_up(&self, overflow: Overflow<M>) {
        self.shared.bury(overflow.envelope, DeadLetterReason::MailboxFull);
    }

    /// Wakes the actors that have got something.
    pub(crate) fn flush(&mut self) {
        self.woken.drain(..).for_each(Waker::wake);
    }

    fn shut(&mut self, open: &mut Option<(ActorAddress, Pusher<'_, M>)>) {
        if let Some((_, pusher)) = open.take() {
            self.woken.extend(pusher.finish());
        }
    }

    /// The actor that a message of this share is for; `None` if it is for none, which has been seen to.
    fn recipient(&self, envelope: &MessageEnvelope<M>) -> Option<ActorAddress> {
        let metadata = &envelope.metadata;
        match metadata.recipient {
            Some(address) if self.shared.registry.is_own(address) => {
                let is_mine = spread(address) % self.share.1 == self.share.0;
                let is_asks = self.shared.registry.is_asks(address);
                // The broker brings replies to their requests, and buries those that are late.
                if is_mine && is_asks && metadata.correlation_id.is_none() {
                    self.bury(envelope, DeadLetterReason::UnknownRecipient);
                }
                (is_mine && !is_asks).then_some(address)
            }
            other => {
                let is_reply = metadata.correlation_id.is_some() && metadata.reply_to.is_none();
                let is_topical = other.is_none() && metadata.topic.is_some();
                if self.buries_foreign && self.share.0 == 0 && !is_reply && !is_topical {
                    let reason = match other {
                        Some(_) => DeadLetterReason::UnknownRecipient,
                        None => DeadLetterReason::NoRecipient,
                    };
                    self.bury(envelope, reason);
                }
                None
            }
        }
    }

    #[cold]
    fn bury(&self, envelope: &MessageEnvelope<M>, reason: DeadLetterReason) {
        match copy(envelope) {
            Some(copy) => self.shared.bury(copy, reason),
            None => self.shared.clone_panics.add(1),
        }
    }
}

/// A copy of a message; `None` if its `Clone` panics, so that the others of its batch still arrive.
#[inline(always)]
fn copy<M: Clone>(message: &MessageEnvelope<M>) -> Option<MessageEnvelope<M>> {
    catch_unwind(AssertUnwindSafe(|| message.clone())).map_err(std::mem::forget).ok()
}
