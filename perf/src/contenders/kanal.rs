//! kanal: a bounded queue for each subscriber; taken out one by one, or drained under one lock.

use kanal::{AsyncReceiver, AsyncSender, Receiver, Sender, bounded, bounded_async};

use super::fan_out::{Enqueue, EnqueueAsync, FanOut, Queue};
use crate::{
    contract::{Poll, Receive, ReceiveAsync},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("kanal", "bounded queue per subscriber")
            .threads::<FanOut<Kanal>, FanOut<Kanal>>()
            .polled::<FanOut<Kanal>, FanOut<Kanal>>()
            .tasks::<FanOut<KanalAsync>, FanOut<KanalAsync>>()
            .default(),
        Entry::new("kanal-drain", "bounded queue per subscriber, drained")
            .threads::<FanOut<KanalDrained>, FanOut<KanalDrained>>()
            .polled::<FanOut<KanalDrained>, FanOut<KanalDrained>>(),
    ]
}

/// The queue, between threads.
struct Kanal;

impl Queue for Kanal {
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

impl Receive for Receiver<Message> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().map(|message| sink.take(&message)).is_ok()
    }
}

impl Poll for Receiver<Message> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ
            && let Ok(Some(message)) = self.try_recv()
        {
            sink.take(&message);
            count += 1;
        }
        count
    }
}

/// The queue, emptied as a whole.
struct KanalDrained;

/// A receiver and the messages it has drained.
struct Draining {
    /// The receiver.
    receiver: Receiver<Message>,
    /// Drained messages; empty between calls.
    drained: Vec<Message>,
}

impl Queue for KanalDrained {
    type Sender = Sender<Message>;
    type Receiver = Draining;

    fn queue() -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = bounded(CAPACITY);
        // Twice the places: the messages of blocked senders are drained as well.
        (sender, Draining { receiver, drained: Vec::with_capacity(2 * CAPACITY) })
    }
}

impl Poll for Draining {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        // An error means closed and empty.
        let count = self.receiver.drain_into(&mut self.drained).unwrap_or(0);
        self.drained.drain(..).for_each(|message| sink.take(&message));
        count
    }
}

impl Receive for Draining {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(message) = self.receiver.recv() else {
            return false;
        };
        sink.take(&message);
        self.poll(sink);
        true
    }
}

/// The queue, between tasks.
struct KanalAsync;

impl Queue for KanalAsync {
    type Sender = AsyncSender<Message>;
    type Receiver = AsyncReceiver<Message>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        bounded_async(CAPACITY)
    }
}

impl EnqueueAsync for AsyncSender<Message> {
    #[inline]
    async fn enqueue(&mut self, message: Message) {
        self.send(message).await.expect("receivers outlive senders");
    }
}

impl ReceiveAsync for AsyncReceiver<Message> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().await.map(|message| sink.take(&message)).is_ok()
    }
}
