//! disruptor: one ring; its own threads call a handler each, or its consumers are polled.

use std::marker::PhantomData;

use disruptor::{
    EventPoller, MissingFreeSlots, MultiConsumerBarrier, MultiProducer, MultiProducerBarrier,
    Producer, Sequence, SingleProducer, SingleProducerBarrier, build_multi_producer,
    build_single_producer,
    builder::{MC, multi::MPBuilder, single::SPBuilder},
    wait_strategies::WaitStrategy,
};

use super::waiting::{Busy, Idle, Spin, Yield};
use crate::{
    contract::{Open, Poll, Publish, Threads, Topology},
    crew::{Crew, OnLoan},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        entry::<Yield>("disruptor-yield", "one ring, its own threads, yields").default(),
        entry::<Spin>("disruptor-spin", "one ring, its own threads, BusySpinWithSpinLoopHint"),
        entry::<Busy>("disruptor-busy", "one ring, its own threads, BusySpin"),
    ]
}

/// An entry whose consumers and publishers wait by `I`.
fn entry<I: Idle>(name: &'static str, note: &'static str) -> Entry {
    Entry::new(name, note)
        .threads::<Single<I>, Multi<I>>()
        .polled::<SinglePolled<I>, MultiPolled<I>>()
}

/// One producer, consumers on threads of the library.
struct Single<I>(PhantomData<I>);
/// Several producers, consumers on threads of the library.
struct Multi<I>(PhantomData<I>);
/// One producer, consumers polled.
struct SinglePolled<I>(PhantomData<I>);
/// Several producers, consumers polled.
struct MultiPolled<I>(PhantomData<I>);

/// A wait strategy of the library's that waits by `I`. With [`Busy`] and [`Spin`] it does what
/// `BusySpin` and `BusySpinWithSpinLoopHint` do.
#[derive(Clone, Copy)]
struct Strategy<I>(PhantomData<I>);

impl<I> Strategy<I> {
    /// The strategy.
    const NEW: Self = Self(PhantomData);
}

impl<I: Idle> WaitStrategy for Strategy<I> {
    #[inline(always)]
    fn wait_for(&self, _sequence: Sequence) {
        I::idle();
    }
}

/// A producer that waits for room by `I`.
struct Waiting<P, I> {
    /// The producer.
    inner: P,
    /// How it waits.
    idle: PhantomData<I>,
}

impl<P, I> Waiting<P, I> {
    /// Makes a producer wait.
    fn new(inner: P) -> Self {
        Self { inner, idle: PhantomData }
    }
}

impl<P: Producer<Message> + Send + 'static, I: Idle> Publish for Waiting<P, I> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        while self.inner.try_publish(|slot| *slot = message).is_err() {
            I::idle();
        }
    }

    #[inline(always)]
    fn publish_batch(&mut self, messages: &[Message]) {
        while fill(&mut self.inner, messages).is_err() {
            I::idle();
        }
    }
}

/// Publishes a batch, if there is room for all of it.
#[inline(always)]
fn fill(
    producer: &mut impl Producer<Message>,
    messages: &[Message],
) -> Result<Sequence, MissingFreeSlots> {
    producer.try_batch_publish(messages.len(), |slots| {
        slots.zip(messages).for_each(|(slot, message)| *slot = *message);
    })
}

/// What a consumer thread of the library does with each message.
fn handler<S: Sink>(mut sink: OnLoan<S>) -> impl FnMut(&Message, Sequence, bool) + Send + 'static {
    move |message, _, _| sink.take(message)
}

/// A producer for each publisher.
fn clones<P: Clone, I>(producer: &P, count: usize) -> Vec<Waiting<P, I>> {
    (0..count).map(|_| Waiting::new(producer.clone())).collect()
}

/// Both variants, managed and polled, for one kind of producer: the library's builders and barriers have no trait in
/// common that could be named here.
macro_rules! variants {
    ($managed:ident, $polled:ident, $producer:ident, $barrier:ident, $build:ident, $builder:ident, $handles:expr) => {
        impl<I: Idle> Threads for $managed<I> {
            type Publisher = Waiting<$producer<Message, MultiConsumerBarrier>, I>;

            fn start<S: Sink>(
                topology: &Topology,
                sinks: Vec<S>,
            ) -> (Vec<Self::Publisher>, Crew<S>) {
                let (crew, sinks) = Crew::expect(sinks);
                let builder = $build(CAPACITY, Message::default, Strategy::<I>::NEW);
                let add = |builder: $builder<MC, _, _, _>, sink| {
                    builder.handle_events_with(handler(sink))
                };
                let producer = sinks.into_iter().fold(builder.with_multi_consumer(), add).build();
                ($handles(producer, topology), crew)
            }
        }

        impl<I: Idle> Open for $polled<I> {
            type Publisher = Waiting<$producer<Message, MultiConsumerBarrier>, I>;
            type Subscriber = EventPoller<Message, $barrier>;

            fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
                let builder = $build(CAPACITY, Message::default, Strategy::<I>::NEW);
                let mut builder = builder.with_multi_consumer();
                let mut pollers = Vec::new();
                for _ in 0..topology.subscribers {
                    let (poller, next) = builder.new_event_poller();
                    pollers.push(poller);
                    builder = next;
                }
                ($handles(builder.build(), topology), pollers)
            }
        }

        impl Poll for EventPoller<Message, $barrier> {
            #[inline(always)]
            fn poll(&mut self, sink: &mut impl Sink) -> usize {
                let Ok(mut messages) = self.take(READ as u64) else {
                    return 0;
                };
                (&mut messages).map(|message| sink.take(message)).count()
            }
        }
    };
}

variants!(
    Single,
    SinglePolled,
    SingleProducer,
    SingleProducerBarrier,
    build_single_producer,
    SPBuilder,
    |producer, _: &Topology| vec![Waiting::new(producer)]
);
variants!(
    Multi,
    MultiPolled,
    MultiProducer,
    MultiProducerBarrier,
    build_multi_producer,
    MPBuilder,
    |producer, topology: &Topology| clones(&producer, topology.publishers)
);
