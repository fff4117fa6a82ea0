//! An actor's life from moving in to moving out, however it ends.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::actor::Terminated;
use crate::actor::context::ActorContext;
use crate::actor::event::ActorEventKind;
use crate::actor::mailbox::Control;
use crate::actor::registry::{Cell, Estate, Watcher};
use crate::actor::report::StopCause;
use crate::actor::shared::Shared;
use crate::broker::{DeadLetterReason, Message, MessageBroker};
use crate::envelope::MessageEnvelope;

/// Who lives at an address. Dropping it moves out: what is left becomes dead letters, and who waits for the end
/// is told.
pub(crate) struct Tenant<M: Message, B: MessageBroker<M>> {
    pub(crate) ctx: ActorContext<M, B>,
    /// Messages taken from the mailbox. The first may be the one that is being handled.
    pub(crate) hand: VecDeque<MessageEnvelope<M>>,
    /// The first in hand is being handled.
    pub(crate) is_handling: bool,
    /// Why it ends, should it end now.
    pub(crate) cause: StopCause,
    /// The panic that its parent is to hear of.
    pub(crate) escalates: Option<String>,
}

impl<M: Message, B: MessageBroker<M>> Tenant<M, B> {
    pub(crate) fn new(ctx: ActorContext<M, B>) -> Self {
        ctx.shared.tasks.begin();
        let (hand, cause) = (VecDeque::new(), StopCause::Dropped);
        Self { ctx, hand, is_handling: false, cause, escalates: None }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<M, B>> {
        &self.ctx.shared
    }

    /// Its cell.
    pub(crate) fn cell(&self) -> Option<&Cell<M>> {
        self.shared().registry.cell(self.ctx.address).ok()
    }

    /// Gives up the message in hand.
    pub(crate) fn bury_first(&mut self, reason: DeadLetterReason) {
        if let Some(envelope) = self.hand.pop_front() {
            self.drop_message(envelope, reason);
        }
    }

    /// Gives up all messages that are there.
    pub(crate) fn bury_all(&mut self, reason: &DeadLetterReason) {
        let queue = self.cell().map(|cell| cell.mailbox.clear()).unwrap_or_default();
        for envelope in std::mem::take(&mut self.hand).into_iter().chain(queue) {
            self.drop_message(envelope, reason.clone());
        }
    }

    fn drop_message(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason) {
        if let Some(cell) = self.cell() {
            cell.meter.dropped();
        }
        self.shared().bury(envelope, reason);
    }

    pub(crate) fn tell(&self, kind: ActorEventKind) {
        self.shared().tell(self.ctx.address, self.ctx.name.clone(), kind);
    }

    /// Waits for so long; false if it is told to stop meanwhile. Other news are kept for later.
    pub(crate) async fn pause(&mut self, wait: Duration) -> bool {
        let mut later = Vec::new();
        let told = tokio::time::timeout(wait, async {
            loop {
                // With something in hand it takes no messages.
                let Ok(cell) = self.ctx.shared.registry.cell(self.ctx.address) else { return };
                match poll_fn(|cx| cell.mailbox.poll_control(cx)).await {
                    Control::Stop => return,
                    other => later.push(other),
                }
            }
        });
        let has_time = told.await.is_err();
        let (address, registry) = (self.ctx.address, &self.shared().registry);
        for control in later {
            registry.tell(address, control);
        }
        has_time
    }

    fn move_out(&mut self) {
        let (shared, address) = (Arc::clone(self.shared()), self.ctx.address);
        self.ctx.timers.drain(..).for_each(|timer| timer.abort());
        // The counts first: another may move in at once.
        let Some(cell) = self.cell() else { return };
        let mut report = cell.report(address, self.ctx.name.clone(), self.cause);
        let Some(Estate { mail, life }) = shared.registry.move_out(address) else { return };
        let hand = std::mem::take(&mut self.hand);
        report.left = (hand.len() + mail.len()) as u64;
        shared.handled.add(report.handled);
        let reason = match self.cause {
            StopCause::Panicked => DeadLetterReason::Panicked,
            _ => DeadLetterReason::MailboxClosed,
        };
        for envelope in hand.into_iter().chain(mail) {
            shared.bury(envelope, reason.clone());
        }
        for child in life.children {
            shared.registry.tell(child, Control::Stop);
        }
        if let Some(parent) = life.parent {
            shared.registry.life(parent, |life| life.children.retain(|child| *child != address));
            if let Some(panic) = self.escalates.take() {
                shared.registry.tell(parent, Control::Escalated(address, panic));
            }
        }
        shared.tell(address, life.name, ActorEventKind::Stopped(report.cause));
        for watcher in life.watchers {
            match watcher {
                Watcher::Actor(watcher) => {
                    let terminated = Terminated { address, cause: Some(report.cause) };
                    shared.registry.tell(watcher, Control::Terminated(terminated));
                }
                // Whoever has waited may have gone.
                Watcher::Waiter(waiter) => drop(waiter.send(report.clone())),
            }
        }
    }
}

impl<M: Message, B: MessageBroker<M>> Drop for Tenant<M, B> {
    fn drop(&mut self) {
        /// Whatever a hook does when it is told of dead letters.
        struct Ended<'a>(&'a crate::actor::tasks::Tasks);
        impl Drop for Ended<'_> {
            fn drop(&mut self) {
                self.0.end();
            }
        }
        let shared = Arc::clone(self.shared());
        let _ended = Ended(&shared.tasks);
        self.move_out();
    }
}
