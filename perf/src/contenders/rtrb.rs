//! rtrb: a wait-free single-producer single-consumer ring for each pair of publisher and
//! subscriber.

use std::marker::PhantomData;

use rtrb::{Consumer, Producer, PushError, RingBuffer};

use super::waiting::{Idle, Spin, Waiting, Yield};
use crate::{
    contract::{Open, Poll, Publish, Topology},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("rtrb-yield", "ring per publisher and subscriber, read in chunks, yields")
            .threads::<Waiting<Rings<Yield>, Yield>, Waiting<Rings<Yield>, Yield>>()
            .polled::<Rings<Yield>, Rings<Yield>>()
            .default(),
        Entry::new("rtrb-spin", "ring per publisher and subscriber, read in chunks, spins")
            .threads::<Waiting<Rings<Spin>, Spin>, Waiting<Rings<Spin>, Spin>>()
            .polled::<Rings<Spin>, Rings<Spin>>(),
    ]
}

/// The rings; a publisher waits for room by `I`.
struct Rings<I>(PhantomData<I>);

/// A publisher: its ring to each subscriber.
struct Producers<I> {
    /// The rings.
    rings: Vec<Producer<Message>>,
    /// How it waits for room.
    idle: PhantomData<I>,
}

/// A subscriber: its ring from each publisher.
struct Consumers(Vec<Consumer<Message>>);

impl<I: Idle> Open for Rings<I> {
    type Publisher = Producers<I>;
    type Subscriber = Consumers;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let mut subscribers: Vec<_> =
            (0..topology.subscribers).map(|_| Consumers(Vec::new())).collect();
        let publishers =
            (0..topology.publishers).map(|_| Producers::to(&mut subscribers)).collect();
        (publishers, subscribers)
    }
}

impl<I> Producers<I> {
    /// A publisher with a new ring to each subscriber.
    fn to(subscribers: &mut [Consumers]) -> Self {
        let connect = |subscriber: &mut Consumers| {
            let (producer, consumer) = RingBuffer::new(CAPACITY);
            subscriber.0.push(consumer);
            producer
        };
        Self { rings: subscribers.iter_mut().map(connect).collect(), idle: PhantomData }
    }
}

impl<I: Idle> Publish for Producers<I> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        for ring in &mut self.rings {
            while let Err(PushError::Full(_)) = ring.push(message) {
                I::idle();
            }
        }
    }

    #[inline(always)]
    fn publish_batch(&mut self, messages: &[Message]) {
        for ring in &mut self.rings {
            let (_, mut rest) = ring.push_partial_slice(messages);
            while !rest.is_empty() {
                I::idle();
                (_, rest) = ring.push_partial_slice(rest);
            }
        }
    }
}

impl Poll for Consumers {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        self.0.iter_mut().map(|ring| take_chunk(ring, sink)).sum()
    }
}

/// Takes a chunk of the messages that are there, in place, and gives its room back at once.
#[inline(always)]
fn take_chunk(ring: &mut Consumer<Message>, sink: &mut impl Sink) -> usize {
    let count = ring.slots().min(READ);
    if count == 0 {
        return 0;
    }
    let chunk = ring.read_chunk(count).expect("so many are there");
    let (first, second) = chunk.as_slices();
    first.iter().chain(second).for_each(|message| sink.take(message));
    chunk.commit_all();
    count
}
