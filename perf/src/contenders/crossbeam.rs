//! crossbeam-channel: a bounded queue for each subscriber.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::fan_out::{Enqueue, FanOut, Queue};
use crate::{
    contract::{Poll, Receive},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("crossbeam-channel", "bounded queue per subscriber")
            .threads::<FanOut<Crossbeam>, FanOut<Crossbeam>>()
            .polled::<FanOut<Crossbeam>, FanOut<Crossbeam>>()
            .default(),
    ]
}

/// The queue.
struct Crossbeam;

impl Queue for Crossbeam {
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
        self.try_iter().take(READ).map(|message| sink.take(&message)).count()
    }
}
