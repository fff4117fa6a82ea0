//! Publish/subscribe made of point-to-point queues: one for each subscriber, and a publisher puts
//! every message into each of them.

use std::{future::Future, marker::PhantomData};

use crate::{
    contract::{Open, Publish, PublishAsync, Topology},
    workload::Message,
};

/// A bounded point-to-point queue.
pub trait Queue: 'static {
    /// The end that puts in.
    type Sender;
    /// The end that takes out.
    type Receiver;

    /// A queue of [`crate::workload::CAPACITY`] places.
    fn queue() -> (Self::Sender, Self::Receiver);
}

/// Puts messages into a queue.
pub trait Enqueue: Send + 'static {
    /// Puts one in; waits for room.
    fn enqueue(&mut self, message: Message);
}

/// Puts messages into a queue, from a task.
pub trait EnqueueAsync: Send + 'static {
    /// Puts one in; waits for room.
    fn enqueue(&mut self, message: Message) -> impl Future<Output = ()> + Send;
}

/// One queue for each subscriber, into which all publishers put.
pub struct FanOut<Q>(PhantomData<Q>);

impl<Q: Queue<Sender: Clone>> Open for FanOut<Q> {
    type Publisher = Senders<Q::Sender>;
    type Subscriber = Q::Receiver;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (senders, receivers): (Vec<_>, _) =
            (0..topology.subscribers).map(|_| Q::queue()).unzip();
        (vec![Senders(senders); topology.publishers], receivers)
    }
}

/// The same for queues with a single sender, which cannot be cloned: one publisher only.
pub struct FanOutSingle<Q>(PhantomData<Q>);

impl<Q: Queue> Open for FanOutSingle<Q> {
    type Publisher = Senders<Q::Sender>;
    type Subscriber = Q::Receiver;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        assert_eq!(topology.publishers, 1, "a single sender");
        let (senders, receivers) = (0..topology.subscribers).map(|_| Q::queue()).unzip();
        (vec![Senders(senders)], receivers)
    }
}

/// A publisher: the sending ends of all queues.
#[derive(Clone)]
pub struct Senders<S>(Vec<S>);

impl<S: Enqueue> Publish for Senders<S> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        for sender in &mut self.0 {
            sender.enqueue(message);
        }
    }
}

impl<S: EnqueueAsync> PublishAsync for Senders<S> {
    #[inline(always)]
    async fn publish(&mut self, message: Message) {
        for sender in &mut self.0 {
            sender.enqueue(message).await;
        }
    }
}
