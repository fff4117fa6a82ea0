//! Stentor's ring, for messages of any size, set up as wanted.

use std::marker::PhantomData;

use stentor::{Bus, Publisher, RecvError, Router, Subscriber};

use crate::{
    contract::{
        Adds, Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Threads, Topology,
    },
    crew::Crew,
    own::{Setup, parcel::Parcel},
    workload::{Message, READ, Sink},
};

/// A bus whose subscribers read in place.
pub struct InPlace<P = Message>(PhantomData<P>);

impl<P: Parcel> Open for InPlace<P> {
    type Publisher = Publisher<P>;
    type Subscriber = Subscriber<P>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = bus(topology);
        let subscribers = (0..topology.subscribers).map(|_| bus.subscribe()).collect();
        (publishers(&bus, topology), subscribers)
    }
}

/// A bus as it is set up.
pub fn bus<P>(topology: &Topology) -> Bus<P> {
    let Setup { capacity, wait } = topology.setup;
    Bus::builder().capacity(capacity).wait(wait.strategy()).build()
}

/// A publisher's handle for each publisher.
pub fn publishers<P>(bus: &Bus<P>, topology: &Topology) -> Vec<Publisher<P>> {
    (0..topology.publishers).map(|_| bus.publisher()).collect()
}

impl<P: Parcel> Churn for InPlace<P> {
    type Handle = Bus<P>;

    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle) {
        let bus = bus(topology);
        let subscribers = (0..topology.subscribers).map(|_| bus.subscribe()).collect();
        (publishers(&bus, topology), subscribers, bus)
    }

    fn churn(handle: &Self::Handle) {
        drop(handle.subscribe());
    }
}

/// A bus whose subscribers are handlers on one thread of a router.
pub struct Routed<P = Message>(PhantomData<P>);

impl<P: Parcel> Routed<P> {
    fn open<S: Sink>(
        topology: &Topology,
        sinks: Vec<S>,
    ) -> (Vec<Publisher<P>>, Crew<S>, Router<P>) {
        let bus = bus(topology);
        let router = Router::builder(&bus).batch(READ).start().expect("one thread");
        let (crew, sinks) = Crew::expect(sinks);
        for mut sink in sinks {
            router.handle("sink", move |parcel: &P| parcel.give(|message| sink.take(message)));
        }
        (publishers(&bus, topology), crew, router)
    }
}

impl<P: Parcel> Threads for Routed<P> {
    type Publisher = Publisher<P>;

    fn start<S: Sink>(topology: &Topology, sinks: Vec<S>) -> (Vec<Self::Publisher>, Crew<S>) {
        let (publishers, crew, router) = Self::open(topology, sinks);
        // Its handlers end with the bus; dropped now, it would end them now.
        std::mem::forget(router);
        (publishers, crew)
    }
}

impl<P: Parcel> Adds for Routed<P> {
    type Handle = Router<P>;

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

impl<P: Parcel> Publish for Publisher<P> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        Publisher::publish(self, P::pack(message)).expect("open");
    }

    #[inline(always)]
    fn publish_batch(&mut self, messages: &[Message]) {
        Publisher::publish_batch(self, messages.iter().copied().map(P::pack)).expect("open");
    }
}

impl<P: Parcel> PublishAsync for Publisher<P> {
    #[inline(always)]
    async fn publish(&mut self, message: Message) {
        self.publish_async(P::pack(message)).await.expect("open");
    }
}

impl<P: Parcel> Receive for Subscriber<P> {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.read(READ) {
            Ok(batch) => (&batch)
                .into_iter()
                .for_each(|parcel: &P| parcel.give(|message| sink.take(message))),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl<P: Parcel> ReceiveAsync for Subscriber<P> {
    #[inline(always)]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        match self.read_async(READ).await {
            Ok(batch) => (&batch)
                .into_iter()
                .for_each(|parcel: &P| parcel.give(|message| sink.take(message))),
            Err(error) => return is_gap(&error),
        }
        true
    }
}

impl<P: Parcel> Poll for Subscriber<P> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let Ok(batch) = self.try_read(READ) else {
            return 0;
        };
        (&batch).into_iter().for_each(|parcel: &P| parcel.give(|message| sink.take(message)));
        batch.len()
    }
}

/// Whether an error is a gap, after which there is more to come.
pub fn is_gap(error: &RecvError) -> bool {
    matches!(error, RecvError::Lagged(_))
}
