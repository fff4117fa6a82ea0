//! photon-ring: rings of slots with stamps. Lossless only with one publisher.

use std::marker::PhantomData;

use photon_ring::{
    EventPublisher, EventSubscriber, MpPublisher, Pod, PublishError, Publisher, Subscribable,
    Subscriber, TryRecvError, channel, channel_bounded, channel_mpmc, event_channel,
};

use super::{
    channel::take_each,
    waiting::{Idle, Spin, Waiting, Yield},
};
use crate::{
    contract::{Churn, Open, Poll, Publish, Topology},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// This library's entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("photon-ring-yield", "one bounded ring, one publisher, yields")
            .threads::<Waiting<Bounded<Yield>, Yield>, Waiting<Bounded<Yield>, Yield>>()
            .polled::<Bounded<Yield>, Bounded<Yield>>()
            .slow::<Waiting<Tapped, Yield>>()
            .nobody::<Bounded<Yield>>()
            .churn::<Waiting<Bounded<Yield>, Yield>>()
            .one_publisher()
            .default(),
        Entry::new("photon-ring-spin", "one bounded ring, one publisher, spins")
            .threads::<Waiting<Bounded<Spin>, Spin>, Waiting<Bounded<Spin>, Spin>>()
            .polled::<Bounded<Spin>, Bounded<Spin>>()
            .one_publisher(),
        Entry::new("photon-event-yield", "one ring of values read in place, one publisher, yields")
            .threads::<Waiting<Events<Yield>, Yield>, Waiting<Events<Yield>, Yield>>()
            .polled::<Events<Yield>, Events<Yield>>()
            .one_publisher(),
        Entry::new("photon-ring-lossy", "one ring, lossy, yields")
            .threads::<Waiting<LossySingle, Yield>, Waiting<LossyMulti, Yield>>()
            .polled::<LossySingle, LossyMulti>()
            .lossy(),
    ]
}

// SAFETY: `Message` is eight words without padding, valid whatever their bits.
unsafe impl Pod for Message {}

/// The bounded ring; its publisher waits for room by `I`.
struct Bounded<I>(PhantomData<I>);

/// The publisher of a bounded ring.
struct BoundedPublisher<I> {
    /// The publisher.
    inner: Publisher<Message>,
    /// How it waits for room.
    idle: PhantomData<I>,
}

impl<I> BoundedPublisher<I> {
    /// The publisher of a row.
    fn new(inner: Publisher<Message>) -> Vec<Self> {
        vec![Self { inner, idle: PhantomData }]
    }
}

impl<I: Idle> Open for Bounded<I> {
    type Publisher = BoundedPublisher<I>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publisher, ring) = channel_bounded(CAPACITY, 0);
        (BoundedPublisher::new(publisher), subscribe(&ring, topology))
    }
}

impl<I: Idle> Publish for BoundedPublisher<I> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        while let Err(PublishError::Full(_)) = self.inner.try_publish(message) {
            I::idle();
        }
    }
}

impl Churn for Waiting<Bounded<Yield>, Yield> {
    type Handle = Subscribable<Message>;

    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle) {
        let (publisher, ring) = channel_bounded(CAPACITY, 0);
        let subscribers = subscribe(&ring, topology);
        let subscribers =
            subscribers.into_iter().map(|inner| Self::wait(inner, topology)).collect();
        (BoundedPublisher::new(publisher), subscribers, ring)
    }

    fn churn(handle: &Self::Handle) {
        drop(handle.subscribe());
    }
}

/// The bounded ring with a last subscriber that may lose messages and does not hold the others up.
struct Tapped;

impl Open for Tapped {
    type Publisher = BoundedPublisher<Yield>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publisher, ring) = channel_bounded(CAPACITY, 0);
        let mut subscribers: Vec<_> = (1..topology.subscribers).map(|_| ring.subscribe()).collect();
        subscribers.push(ring.subscribe_lossy());
        (BoundedPublisher::new(publisher), subscribers)
    }
}

/// The lossy ring with one publisher.
struct LossySingle;

impl Open for LossySingle {
    type Publisher = Publisher<Message>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publisher, ring) = channel(CAPACITY);
        (vec![publisher], subscribe(&ring, topology))
    }
}

impl Publish for Publisher<Message> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        Publisher::publish(self, message);
    }

    #[inline(always)]
    fn publish_batch(&mut self, messages: &[Message]) {
        Publisher::publish_batch(self, messages);
    }
}

/// The lossy ring with several publishers.
struct LossyMulti;

impl Open for LossyMulti {
    type Publisher = MpPublisher<Message>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publisher, ring) = channel_mpmc(CAPACITY);
        (vec![publisher; topology.publishers], subscribe(&ring, topology))
    }
}

impl Publish for MpPublisher<Message> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        MpPublisher::publish(self, message);
    }
}

/// The subscribers of a row.
fn subscribe(ring: &Subscribable<Message>, topology: &Topology) -> Vec<Subscriber<Message>> {
    (0..topology.subscribers).map(|_| ring.subscribe()).collect()
}

impl Poll for Subscriber<Message> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        take_each(sink, || {
            loop {
                match self.try_recv() {
                    Ok(message) => return Some(message),
                    Err(TryRecvError::Lagged { .. }) => {}
                    Err(TryRecvError::Empty) => return None,
                }
            }
        })
    }
}

/// The ring of values written and read in place; its publisher waits for room by `I`.
struct Events<I>(PhantomData<I>);

/// The publisher of a ring of values.
struct EventsPublisher<I> {
    /// The publisher.
    inner: EventPublisher<Message>,
    /// How it waits for room.
    idle: PhantomData<I>,
}

impl<I: Idle> Open for Events<I> {
    type Publisher = EventsPublisher<I>;
    type Subscriber = EventSubscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (inner, ring) = event_channel(CAPACITY, Message::default);
        let subscribers = (0..topology.subscribers).map(|_| ring.subscribe()).collect();
        (vec![EventsPublisher { inner, idle: PhantomData }], subscribers)
    }
}

impl<I: Idle> Publish for EventsPublisher<I> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        while !self.inner.try_publish(|slot| *slot = message) {
            I::idle();
        }
    }
}

impl Poll for EventSubscriber<Message> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ && self.process(|message| sink.take(message)).is_some() {
            count += 1;
        }
        count
    }
}
