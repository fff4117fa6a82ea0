//! Stentor: what all of this is about.

use stentor::{Bus, Overflow, Publisher, RecvError, Router, Subscriber};

use super::{actors, broker};
use crate::{
    contract::{
        Adds, Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Threads, Topology,
    },
    crew::Crew,
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// Its entries.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("stentor", "one ring, read in place")
            .threads::<InPlace, InPlace>()
            .routed::<Routed>()
            .polled::<InPlace, InPlace>()
            .tasks::<InPlace, InPlace>()
            .slow::<Recv<OneLossy>>()
            .nobody::<InPlace>()
            .churn::<InPlace>()
            .envelopes::<broker::Bare>()
            .requests::<broker::Requests>()
            .actors::<actors::Routed<actors::OnTasks>>()
            .default(),
        Entry::new("stentor-poll", "one ring, polled by the user's own loop instead of a router")
            .polled::<InPlace, InPlace>(),
        Entry::new("stentor-recv", "one ring, a clone per receive")
            .threads::<Recv<InPlace>, Recv<InPlace>>()
            .polled::<Recv<InPlace>, Recv<InPlace>>()
            .tasks::<Recv<InPlace>, Recv<InPlace>>(),
        Entry::new("stentor-read", "one ring, the slow one reads in place too").slow::<OneLossy>(),
    ]
}

/// A bus whose subscribers read in place.
struct InPlace;

impl Open for InPlace {
    type Publisher = Publisher<Message>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = Bus::new(CAPACITY);
        let subscribers = (0..topology.subscribers).map(|_| bus.subscribe()).collect();
        (publishers(&bus, topology), subscribers)
    }
}

/// A publisher's handle for each publisher.
fn publishers(bus: &Bus<Message>, topology: &Topology) -> Vec<Publisher<Message>> {
    (0..topology.publishers).map(|_| bus.publisher()).collect()
}

impl Churn for InPlace {
    type Handle = Bus<Message>;

    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle) {
        let bus = Bus::new(CAPACITY);
        let subscribers = (0..topology.subscribers).map(|_| bus.subscribe()).collect();
        (publishers(&bus, topology), subscribers, bus)
    }

    fn churn(handle: &Self::Handle) {
        drop(handle.subscribe());
    }
}

/// A bus whose subscribers are handlers on one thread of a router.
struct Routed;

impl Routed {
    fn open<S: Sink>(
        topology: &Topology,
        sinks: Vec<S>,
    ) -> (Vec<Publisher<Message>>, Crew<S>, Router<Message>) {
        let bus = Bus::new(CAPACITY);
        let router = Router::builder(&bus).batch(READ).start().expect("one thread");
        let (crew, sinks) = Crew::expect(sinks);
        for mut sink in sinks {
            router.handle("sink", move |message| sink.take(message));
        }
        (publishers(&bus, topology), crew, router)
    }
}

impl Threads for Routed {
    type Publisher = Publisher<Message>;

    fn start<S: Sink>(topology: &Topology, sinks: Vec<S>) -> (Vec<Self::Publisher>, Crew<S>) {
        let (publishers, crew, router) = Self::open(topology, sinks);
        // Its handlers end with the bus; dropped now, it would end them now.
        std::mem::forget(router);
        (publishers, crew)
    }
}

impl Adds for Routed {
    type Handle = Router<Message>;

    fn start_for_adds<S: Sink>(
        topology: &Topology,
        sinks: Vec<S>,
    ) -> (Vec<Self::Publisher>, Crew<S>, Self::Handle) {
        Self::open(topology, sinks)
    }

    fn add(handle: &Self::Handle) {
        handle.handle("guest", |_| {}).stop();
    }
}

/// A bus with a last subscriber that may lose messages and does not hold the others up.
struct OneLossy;

impl Open for OneLossy {
    type Publisher = Publisher<Message>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = Bus::new(CAPACITY);
        let mut subscribers: Vec<_> = (1..topology.subscribers).map(|_| bus.subscribe()).collect();
        subscribers.push(bus.subscriber().overflow(Overflow::DropOldest).subscribe());
        (publishers(&bus, topology), subscribers)
    }
}

impl Publish for Publisher<Message> {
    #[inline]
    fn publish(&mut self, message: Message) {
        Publisher::publish(self, message).expect("open");
    }

    #[inline]
    fn publish_batch(&mut self, messages: &[Message]) {
        Publisher::publish_batch(self, messages.iter().copied()).expect("open");
    }
}

impl PublishAsync for Publisher<Message> {
    #[inline]
    async fn publish(&mut self, message: Message) {
        self.publish_async(message).await.expect("open");
    }
}

impl Receive for Subscriber<Message> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.read(READ) {
            Ok(batch) => (&batch).into_iter().for_each(|message| sink.take(message)),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl ReceiveAsync for Subscriber<Message> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.read_async(READ).await {
            Ok(batch) => (&batch).into_iter().for_each(|message| sink.take(message)),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl Poll for Subscriber<Message> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let Ok(batch) = self.try_read(READ) else {
            return 0;
        };
        (&batch).into_iter().for_each(|message| sink.take(message));
        batch.len()
    }
}

/// Whether an error is a gap, after which there is more to come.
fn is_gap(error: &RecvError) -> bool {
    matches!(error, RecvError::Lagged(_))
}

/// The same bus as `C`, whose subscribers take a clone of each message, one by one; in [`OneLossy`]
/// only the slow one does.
struct Recv<C>(std::marker::PhantomData<C>);

/// A subscriber that takes clones.
struct Cloning(Subscriber<Message>);

/// A subscriber that reads in place, or takes clones if it is the slow one.
enum Mixed {
    /// A fast one.
    InPlace(Subscriber<Message>),
    /// The slow one.
    Cloning(Cloning),
}

impl Open for Recv<InPlace> {
    type Publisher = Publisher<Message>;
    type Subscriber = Cloning;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publishers, subscribers) = InPlace::open(topology);
        (publishers, subscribers.into_iter().map(Cloning).collect())
    }
}

impl Open for Recv<OneLossy> {
    type Publisher = Publisher<Message>;
    type Subscriber = Mixed;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publishers, mut subscribers) = OneLossy::open(topology);
        let slow = subscribers.pop().map(|slow| Mixed::Cloning(Cloning(slow)));
        (publishers, subscribers.into_iter().map(Mixed::InPlace).chain(slow).collect())
    }
}

impl Receive for Mixed {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self {
            Mixed::InPlace(subscriber) => Receive::receive(subscriber, sink),
            Mixed::Cloning(subscriber) => Receive::receive(subscriber, sink),
        }
    }
}

impl Receive for Cloning {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.0.recv() {
            Ok(message) => sink.take(&message),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl ReceiveAsync for Cloning {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.0.recv_async().await {
            Ok(message) => sink.take(&message),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl Poll for Cloning {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let mut count = 0;
        while count < READ
            && let Ok(message) = self.0.try_recv()
        {
            sink.take(&message);
            count += 1;
        }
        count
    }
}
