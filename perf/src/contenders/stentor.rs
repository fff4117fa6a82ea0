//! Stentor: what all of this is about.

use stentor::{Overflow, Publisher, Subscriber};

use super::{
    actors, broker,
    channel::take_each,
    remote::{NatsCore, NatsJetStream, Over, RedisLog, RedisPubSub},
};
use crate::{
    contract::{Open, Poll, Receive, ReceiveAsync, Topology},
    entry::Entry,
    own::ring::{InPlace, Routed, bus, is_gap, publishers},
    workload::{Message, Sink},
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
            .remote::<Over<NatsCore>>()
            .remote::<Over<NatsJetStream>>()
            .remote::<Over<RedisPubSub>>()
            .remote::<Over<RedisLog>>()
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

/// A bus with a last subscriber that may lose messages and does not hold the others up.
struct OneLossy;

impl Open for OneLossy {
    type Publisher = Publisher<Message>;
    type Subscriber = Subscriber<Message>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = bus(topology);
        let mut subscribers: Vec<_> = (1..topology.subscribers).map(|_| bus.subscribe()).collect();
        subscribers.push(bus.subscriber().overflow(Overflow::DropOldest).subscribe());
        (publishers(&bus, topology), subscribers)
    }
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
        let (publishers, subscribers) = <InPlace>::open(topology);
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
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self {
            Mixed::InPlace(subscriber) => Receive::receive(subscriber, sink),
            Mixed::Cloning(subscriber) => Receive::receive(subscriber, sink),
        }
    }
}

impl Receive for Cloning {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.0.recv() {
            Ok(message) => sink.take(&message),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl ReceiveAsync for Cloning {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.0.recv_async().await {
            Ok(message) => sink.take(&message),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl Poll for Cloning {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        take_each(sink, || self.0.try_recv().ok())
    }
}
