//! thingbuf: a bounded queue for each subscriber, read in place.

use thingbuf::mpsc;

use super::fan_out::{Enqueue, EnqueueAsync, FanOut, Queue};
use crate::{
    contract::{Poll, Receive, ReceiveAsync},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("thingbuf", "bounded queue per subscriber, read in place")
            .threads::<FanOut<Blocking>, FanOut<Blocking>>()
            .polled::<FanOut<Blocking>, FanOut<Blocking>>()
            .tasks::<FanOut<Tasks>, FanOut<Tasks>>(),
    ]
}

/// The queue, between threads.
struct Blocking;

impl Queue for Blocking {
    type Sender = mpsc::blocking::Sender<Message>;
    type Receiver = mpsc::blocking::Receiver<Message>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        mpsc::blocking::channel(CAPACITY)
    }
}

impl Enqueue for mpsc::blocking::Sender<Message> {
    #[inline(always)]
    fn enqueue(&mut self, message: Message) {
        *self.send_ref().expect("receivers outlive senders") = message;
    }
}

impl Receive for mpsc::blocking::Receiver<Message> {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv_ref().map(|message| sink.take(&message)).is_some()
    }
}

impl Poll for mpsc::blocking::Receiver<Message> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ
            && let Ok(message) = self.try_recv_ref()
        {
            sink.take(&message);
            count += 1;
        }
        count
    }
}

/// The queue, between tasks.
struct Tasks;

impl Queue for Tasks {
    type Sender = mpsc::Sender<Message>;
    type Receiver = mpsc::Receiver<Message>;

    fn queue() -> (Self::Sender, Self::Receiver) {
        mpsc::channel(CAPACITY)
    }
}

impl EnqueueAsync for mpsc::Sender<Message> {
    #[inline(always)]
    async fn enqueue(&mut self, message: Message) {
        self.send(message).await.expect("receivers outlive senders");
    }
}

impl ReceiveAsync for mpsc::Receiver<Message> {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv_ref().await.map(|message| sink.take(&message)).is_some()
    }
}
