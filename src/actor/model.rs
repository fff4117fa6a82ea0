//! What the models drive: the shipped protocols of this floor, without the tasks around them.

use std::collections::VecDeque;
use std::future::poll_fn;

use crate::actor::gate::{Gate, Permit};
use crate::actor::mailbox::{Control, Mailbox, MailboxPolicy, Pushed, Taken};
use crate::actor::registry::{ActorRegistry, tenancy};
use crate::envelope::{ActorAddress, MessageEnvelope};

/// The gate that sends pass.
pub struct SendGate(Gate);

impl SendGate {
    /// An open one.
    #[expect(clippy::new_without_default, reason = "for models alone")]
    pub fn new() -> Self {
        Self(Gate::new())
    }

    /// Runs `send` inside; `None` if the gate is closed.
    pub fn pass<R>(&self, send: impl FnOnce() -> R) -> Option<R> {
        let _permit: Permit<'_> = self.0.enter(0)?;
        Some(send())
    }

    /// Closes it, and waits until all who are inside have left.
    pub async fn close(&self) {
        self.0.close();
        self.0.emptied().await;
    }
}

/// A registry without a system.
pub fn registry() -> ActorRegistry<u64> {
    ActorRegistry::new()
}

/// An actor's place, as its task has it.
pub struct Place {
    registry: ActorRegistry<u64>,
    address: ActorAddress,
    hand: VecDeque<MessageEnvelope<u64>>,
}

impl Place {
    /// Moves in, as a spawn does.
    pub fn move_in(registry: &ActorRegistry<u64>, capacity: usize) -> Self {
        Self::named(registry, None, capacity)
    }

    /// Moves in under a name.
    pub fn named(registry: &ActorRegistry<u64>, name: Option<&str>, capacity: usize) -> Self {
        let name = name.map(Into::into);
        let address = registry.move_in(name, None, capacity, MailboxPolicy::DropNewest);
        let address = address.expect("there is room");
        Self { registry: registry.clone(), address, hand: VecDeque::new() }
    }

    /// Where it is.
    pub fn address(&self) -> ActorAddress {
        self.address
    }

    fn mailbox(&self) -> &Mailbox<u64> {
        &self.registry.cell(self.address).expect("it lives here").mailbox
    }

    /// The next message that it handles; `None` once it is drained, or told to stop.
    pub async fn next(&mut self) -> Option<u64> {
        loop {
            if let Some(envelope) = self.hand.pop_front() {
                self.mailbox().begin(self.hand.len());
                return Some(envelope.message);
            }
            let Self { registry, address, hand } = self;
            let mailbox = &registry.cell(*address).expect("it lives here").mailbox;
            match poll_fn(|cx| mailbox.poll_take(hand, cx)).await {
                Taken::Messages => {}
                Taken::Drained | Taken::Control(_) => return None,
            }
        }
    }

    /// Gives up what is there, as an actor that is restarted does.
    pub fn clear(&mut self) -> Vec<u64> {
        let queue = self.mailbox().clear();
        self.hand.drain(..).chain(queue).map(|envelope| envelope.message).collect()
    }

    /// Moves out; gives what was not handled.
    pub fn move_out(mut self) -> Vec<u64> {
        let hand = std::mem::take(&mut self.hand);
        let estate = self.registry.move_out(self.address).expect("it lives here");
        hand.into_iter().chain(estate.mail).map(|envelope| envelope.message).collect()
    }
}

/// Tells an actor to stop; false if it is gone.
pub fn stop(registry: &ActorRegistry<u64>, address: ActorAddress) -> bool {
    registry.tell(address, Control::Stop)
}

/// Closes a mailbox: what is there will be handled.
pub fn close(registry: &ActorRegistry<u64>, address: ActorAddress) {
    registry.cell(address).expect("it is of this registry").mailbox.drain(tenancy(address));
}

/// Pushes a message as a router does that waits for room; false if nobody takes it.
pub async fn push(registry: &ActorRegistry<u64>, address: ActorAddress, message: u64) -> bool {
    let mailbox = &registry.cell(address).expect("it is of this registry").mailbox;
    let mut envelope = MessageEnvelope::new(message);
    loop {
        let Some(mut pusher) = mailbox.pusher(tenancy(address)) else { return false };
        let pushed = pusher.push(envelope);
        if let Some(reader) = pusher.finish() {
            reader.wake();
        }
        match pushed {
            Pushed::Full(back) => envelope = back,
            Pushed::Accepted | Pushed::Evicted(_) => return true,
        }
        poll_fn(|cx| mailbox.poll_room(tenancy(address), cx)).await;
    }
}
