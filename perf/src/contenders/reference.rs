//! The reference design: a lock, and an unbounded queue for each subscriber into which every
//! message is cloned.

use std::sync::{Arc, RwLock};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::REFERENCE;
use crate::{
    contract::{Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Topology},
    entry::Entry,
    workload::{Message, READ, Sink},
};

/// Its entry.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new(REFERENCE, "RwLock<Vec<UnboundedSender>>, a clone per subscriber")
            .threads::<Reference, Reference>()
            .polled::<Reference, Reference>()
            .tasks::<Reference, Reference>()
            .slow::<Reference>()
            .nobody::<Reference>()
            .churn::<Reference>()
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
    fn subscribe(&self) -> UnboundedReceiver<Message> {
        let (sender, receiver) = unbounded_channel();
        self.0.write().expect("not poisoned").push(sender);
        receiver
    }

    /// Removes the queues that nobody listens to.
    fn prune(&self) {
        self.0.write().expect("not poisoned").retain(|sender| !sender.is_closed());
    }

    /// Clones a message into each queue.
    #[inline]
    #[expect(
        clippy::clone_on_copy,
        reason = "the design clones; that this message is `Copy` is in its favour"
    )]
    fn broadcast(&self, message: &Message) {
        for sender in self.0.read().expect("not poisoned").iter() {
            // An error means that the subscriber has gone; its queue is pruned when it
            // unsubscribes.
            let _ = sender.send(message.clone());
        }
    }
}

impl Open for Reference {
    type Publisher = Self;
    type Subscriber = UnboundedReceiver<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = Self::default();
        let subscribers = (0..topology.subscribers).map(|_| bus.subscribe()).collect();
        (vec![bus; topology.publishers], subscribers)
    }
}

impl Churn for Reference {
    type Handle = Self;

    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle) {
        let (publishers, subscribers) = Self::open(topology);
        let handle = publishers[0].clone();
        (publishers, subscribers, handle)
    }

    fn churn(handle: &Self::Handle) {
        drop(handle.subscribe());
        handle.prune();
    }
}

impl Publish for Reference {
    #[inline]
    fn publish(&mut self, message: Message) {
        self.broadcast(&message);
    }
}

impl PublishAsync for Reference {
    #[inline]
    async fn publish(&mut self, message: Message) {
        self.broadcast(&message);
    }
}

impl Receive for UnboundedReceiver<Message> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.blocking_recv().map(|message| sink.take(&message)).is_some()
    }
}

impl ReceiveAsync for UnboundedReceiver<Message> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().await.map(|message| sink.take(&message)).is_some()
    }
}

impl Poll for UnboundedReceiver<Message> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ
            && let Ok(message) = self.try_recv()
        {
            sink.take(&message);
            count += 1;
        }
        count
    }
}
