//! flume: a bounded queue for each subscriber; taken out one by one, or drained under one lock.

use flume::{Receiver, Sender, bounded};

use super::{
    channel::{Blocking, Channel, Sending, Tasks, async_channel, channel},
    fan_out::{FanOut, Queue},
};
use crate::{
    contract::{Poll, Receive, ReceiveAsync},
    entry::Entry,
    workload::{CAPACITY, Message, Sink},
};

/// One by one, between threads.
type OneByOne = FanOut<Blocking<Flume>>;
/// One by one, between tasks.
type OneByOneAsync = FanOut<Tasks<Flume>>;
/// Drained.
type AllAtOnce = FanOut<Drained>;

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("flume", "bounded queue per subscriber")
            .threads::<OneByOne, OneByOne>()
            .polled::<OneByOne, OneByOne>()
            .tasks::<OneByOneAsync, OneByOneAsync>(),
        Entry::new("flume-drain", "bounded queue per subscriber, drained")
            .threads::<AllAtOnce, AllAtOnce>()
            .polled::<AllAtOnce, AllAtOnce>()
            .tasks::<AllAtOnce, AllAtOnce>(),
    ]
}

/// The channel.
struct Flume;

channel!(Flume, Sender<Message>, Receiver<Message>, bounded(CAPACITY), Result::ok);
async_channel!(
    Flume,
    Sender<Message>,
    Receiver<Message>,
    bounded(CAPACITY),
    send_async,
    recv_async
);

/// The channel, emptied as a whole.
struct Drained;

/// A receiver that drains.
struct Draining(Receiver<Message>);

impl Queue for Drained {
    type Sender = Sending<Flume>;
    type Receiver = Draining;

    fn queue() -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = <Flume as Channel>::channel();
        (Sending(sender), Draining(receiver))
    }
}

impl Receive for Draining {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(message) = self.0.recv() else { return false };
        sink.take(&message);
        self.poll(sink);
        true
    }
}

impl Poll for Draining {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        self.0.drain().map(|message| sink.take(&message)).count()
    }
}

impl ReceiveAsync for Draining {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(message) = self.0.recv_async().await else { return false };
        sink.take(&message);
        self.poll(sink);
        true
    }
}
