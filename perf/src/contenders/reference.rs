//! The reference design: a lock, and an unbounded queue for each subscriber into which every
//! message is cloned.

use std::sync::{Arc, RwLock};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    REFERENCE,
    broadcast::{Broadcast, Opened, Received},
};
use crate::{entry::Entry, workload::Message};

/// Its entry.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new(REFERENCE, "RwLock<Vec<UnboundedSender>>, a clone per subscriber")
            .threads::<Opened<Reference>, Opened<Reference>>()
            .polled::<Opened<Reference>, Opened<Reference>>()
            .tasks::<Opened<Reference>, Opened<Reference>>()
            .slow::<Opened<Reference>>()
            .nobody::<Opened<Reference>>()
            .churn::<Opened<Reference>>()
            .default(),
    ]
}

/// The subscribers' queues.
type Queues = RwLock<Vec<UnboundedSender<Message>>>;

/// The reference design's bus.
#[derive(Clone, Default)]
struct Reference(Arc<Queues>);

impl Reference {
    /// Adds a queue.
    fn queue(&self) -> UnboundedReceiver<Message> {
        let (sender, receiver) = unbounded_channel();
        self.0.write().expect("not poisoned").push(sender);
        receiver
    }

    /// Removes the queues that nobody listens to.
    fn prune(&self) {
        self.0.write().expect("not poisoned").retain(|sender| !sender.is_closed());
    }

    /// Clones a message into each queue.
    #[inline(always)]
    #[expect(
        clippy::clone_on_copy,
        reason = "the design clones; that this message is `Copy` is in its favour"
    )]
    fn publish(&self, message: &Message) {
        for sender in self.0.read().expect("not poisoned").iter() {
            // An error means that the subscriber has gone; its queue is pruned when it
            // unsubscribes.
            let _ = sender.send(message.clone());
        }
    }
}

impl Broadcast for Reference {
    type Sender = Self;
    type Receiver = UnboundedReceiver<Message>;

    fn channel(receivers: usize) -> (Self, Vec<Self::Receiver>) {
        let bus = Self::default();
        let receivers = (0..receivers).map(|_| bus.queue()).collect();
        (bus, receivers)
    }

    fn subscribe(sender: &Self) -> Self::Receiver {
        sender.queue()
    }

    fn tidy(sender: &Self) {
        sender.prune();
    }

    #[inline(always)]
    fn send(sender: &mut Self, message: Message) {
        sender.publish(&message);
    }

    #[inline(always)]
    async fn send_async(sender: &mut Self, message: Message) {
        sender.publish(&message);
    }

    #[inline(always)]
    fn recv(receiver: &mut Self::Receiver) -> Received {
        receiver.blocking_recv().map_or(Received::End, Received::Message)
    }

    #[inline(always)]
    async fn recv_async(receiver: &mut Self::Receiver) -> Received {
        receiver.recv().await.map_or(Received::End, Received::Message)
    }

    #[inline(always)]
    fn try_recv(receiver: &mut Self::Receiver) -> Option<Message> {
        receiver.try_recv().ok()
    }
}
