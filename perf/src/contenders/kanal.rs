//! kanal: a bounded queue for each subscriber; taken out one by one, or drained under one lock.

use kanal::{AsyncReceiver, AsyncSender, ReceiveError, Receiver, Sender, bounded, bounded_async};

use super::{
    channel::{Blocking, Channel, Sending, Tasks, async_channel, channel},
    fan_out::{FanOut, Queue},
};
use crate::{
    contract::{Poll, Receive},
    entry::Entry,
    workload::{CAPACITY, Message, Sink},
};

/// One by one, between threads.
type OneByOne = FanOut<Blocking<Kanal>>;
/// One by one, between tasks.
type OneByOneAsync = FanOut<Tasks<Kanal>>;
/// Drained.
type AllAtOnce = FanOut<Drained>;

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("kanal", "bounded queue per subscriber")
            .threads::<OneByOne, OneByOne>()
            .polled::<OneByOne, OneByOne>()
            .tasks::<OneByOneAsync, OneByOneAsync>()
            .default(),
        Entry::new("kanal-drain", "bounded queue per subscriber, drained")
            .threads::<AllAtOnce, AllAtOnce>()
            .polled::<AllAtOnce, AllAtOnce>(),
    ]
}

/// The channel.
struct Kanal;

channel!(Kanal, Sender<Message>, Receiver<Message>, bounded(CAPACITY), one);
async_channel!(
    Kanal,
    AsyncSender<Message>,
    AsyncReceiver<Message>,
    bounded_async(CAPACITY),
    send,
    recv
);

/// A message, if there was one.
#[inline(always)]
fn one(tried: Result<Option<Message>, ReceiveError>) -> Option<Message> {
    tried.ok().flatten()
}

/// The channel, emptied as a whole.
struct Drained;

/// A receiver and the messages it has drained.
struct Draining {
    /// The receiver.
    receiver: Receiver<Message>,
    /// Drained messages; empty between calls.
    drained: Vec<Message>,
}

impl Queue for Drained {
    type Sender = Sending<Kanal>;
    type Receiver = Draining;

    fn queue() -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = <Kanal as Channel>::channel();
        // Twice the places: the messages of blocked senders are drained as well.
        (Sending(sender), Draining { receiver, drained: Vec::with_capacity(2 * CAPACITY) })
    }
}

impl Poll for Draining {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        // An error means closed and empty.
        let count = self.receiver.drain_into(&mut self.drained).unwrap_or(0);
        self.drained.drain(..).for_each(|message| sink.take(&message));
        count
    }
}

impl Receive for Draining {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(message) = self.receiver.recv() else {
            return false;
        };
        sink.take(&message);
        self.poll(sink);
        true
    }
}
