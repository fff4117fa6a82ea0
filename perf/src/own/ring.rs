//! Stentor's ring, for messages of any size, set up as wanted.

use std::marker::PhantomData;

use stentor::{Batch, Bus, Publisher, Router, Subscriber};

use crate::{
    contract::{Adds, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Threads, Topology},
    crew::Crew,
    own::{Setup, parcel::Parcel},
    workload::{Message, READ, Sink},
};

/// A bus whose subscribers read in place.
pub struct InPlace<P>(PhantomData<P>);

impl<P: Parcel> Open for InPlace<P> {
    type Publisher = Packing<P>;
    type Subscriber = Unpacking<P>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = bus(topology);
        let subscribers = (0..topology.subscribers).map(|_| Unpacking(bus.subscribe())).collect();
        (publishers(&bus, topology), subscribers)
    }
}

/// A bus as it is set up.
fn bus<P>(topology: &Topology) -> Bus<P> {
    let Setup { capacity, wait } = topology.setup;
    Bus::builder().capacity(capacity).wait(wait.strategy()).build()
}

/// A publisher's handle for each publisher.
fn publishers<P>(bus: &Bus<P>, topology: &Topology) -> Vec<Packing<P>> {
    (0..topology.publishers).map(|_| Packing(bus.publisher())).collect()
}

/// A bus whose subscribers are handlers on one thread of a router.
pub struct Routed<P>(PhantomData<P>);

impl<P: Parcel> Routed<P> {
    fn open<S: Sink>(topology: &Topology, sinks: Vec<S>) -> (Vec<Packing<P>>, Crew<S>, Router<P>) {
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
    type Publisher = Packing<P>;

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

/// A publisher that packs what it publishes.
pub struct Packing<P>(Publisher<P>);

/// A subscriber that unpacks what it reads.
pub struct Unpacking<P>(Subscriber<P>);

impl<P: Parcel> Publish for Packing<P> {
    #[inline]
    fn publish(&mut self, message: Message) {
        self.0.publish(P::pack(message)).expect("open");
    }

    #[inline]
    fn publish_batch(&mut self, messages: &[Message]) {
        self.0.publish_batch(messages.iter().copied().map(P::pack)).expect("open");
    }
}

impl<P: Parcel> PublishAsync for Packing<P> {
    #[inline]
    async fn publish(&mut self, message: Message) {
        self.0.publish_async(P::pack(message)).await.expect("open");
    }
}

impl<P: Parcel> Receive for Unpacking<P> {
    #[inline]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        // All are lossless: an error is the end.
        let Ok(batch) = self.0.read(READ) else { return false };
        give_all(&batch, sink);
        true
    }
}

impl<P: Parcel> ReceiveAsync for Unpacking<P> {
    #[inline]
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Ok(batch) = self.0.read_async(READ).await else { return false };
        give_all(&batch, sink);
        true
    }
}

impl<P: Parcel> Poll for Unpacking<P> {
    #[inline]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let Ok(batch) = self.0.try_read(READ) else { return 0 };
        give_all(&batch, sink);
        batch.len()
    }
}

#[inline]
fn give_all<P: Parcel>(batch: &Batch<'_, P>, sink: &mut impl Sink) {
    batch.into_iter().for_each(|parcel| parcel.give(|message| sink.take(message)));
}
