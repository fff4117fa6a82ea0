//! flume: a bounded queue for each subscriber; taken out one by one, or drained under one lock.

use flume::{Receiver, Sender, bounded};

use super::fan_out::{Enqueue, EnqueueAsync, FanOut, Queue};
use crate::{
    contract::{Poll, Receive, ReceiveAsync},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("flume", "bounded queue per subscriber")
            .threads::<FanOut<Flume>, FanOut<Flume>>()
            .polled::<FanOut<Flume>, FanOut<Flume>>()
            .tasks::<FanOut<Flume>, FanOut<Flume>>(),
        Entry::new("flume-drain", "bounded queue per subscriber, drained")
            .threads::<FanOut<FlumeDrained>, FanOut<FlumeDrained>>()
            .polled::<FanOut<FlumeDrained>, FanOut<FlumeDrained>>()
            .tasks::<FanOut<FlumeDrained>, FanOut<FlumeDrained>>(),
    ]
}

/// The queue.
struct Flume;

impl Queue for Flume {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        bounded(CAPACITY)
    }
}

impl Enqueue for Sender<Message> {
    #[inline]
    fn enqueue(&mut self, message: Message) {
        self.send(message).expect("receivers outlive senders");
    }
}

impl EnqueueAsync for Sender<Message> {
    #[inline]
    async fn enqueue(&mut self, message: Message) {
        self.send_async(message).await.expect("receivers outlive senders");
    }
}

impl Receive for Receiver<Message> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().map(|message| sink.take(&message)).is_ok()
    }
}

impl Poll for Receiver<Message> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        self.try_iter().take(READ).map(|message| sink.take(&message)).count()
    }
}

impl ReceiveAsync for Receiver<Message> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv_async().await.map(|message| sink.take(&message)).is_ok()
    }
}

/// The queue, emptied as a whole.
struct FlumeDrained;

/// A receiver that drains.
struct Draining(Receiver<Message>);

impl Queue for FlumeDrained {
    type Sender = Sender<Message>;
    type Receiver = Draining;

    fn queue() -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = bounded(CAPACITY);
        (sender, Draining(receiver))
    }
}

impl Receive for Draining {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(message) = self.0.recv() else { return false };
        sink.take(&message);
        self.poll(sink);
        true
    }
}

impl Poll for Draining {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        self.0.drain().map(|message| sink.take(&message)).count()
    }
}

impl ReceiveAsync for Draining {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(message) = self.0.recv_async().await else { return false };
        sink.take(&message);
        self.poll(sink);
        true
    }
}
