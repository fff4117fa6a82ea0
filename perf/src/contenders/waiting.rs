//! Blocking receive for libraries that can only be polled: poll, and after an empty poll spin or
//! yield.

use std::{hint, marker::PhantomData, thread};

use crate::{
    contract::{Open, Poll, Receive, Topology},
    workload::Sink,
};

/// What to do after an empty poll, or while there is no room.
pub trait Idle: Copy + Send + 'static {
    /// Does it.
    fn idle();
}

/// Looks again at once.
#[derive(Clone, Copy)]
pub struct Busy;

impl Idle for Busy {
    #[inline(always)]
    fn idle() {}
}

/// Spins: best with a core for each thread.
#[derive(Clone, Copy)]
pub struct Spin;

impl Idle for Spin {
    #[inline(always)]
    fn idle() {
        hint::spin_loop();
    }
}

/// Gives the core to another thread: best with fewer cores than threads.
#[derive(Clone, Copy)]
pub struct Yield;

impl Idle for Yield {
    #[inline(always)]
    fn idle() {
        thread::yield_now();
    }
}

/// A polled contender whose subscribers wait by `I`.
pub struct Waiting<C, I>(PhantomData<(C, I)>);

/// A subscriber that is polled until there is something.
pub struct WaitingSubscriber<R, I> {
    /// The subscriber.
    inner: R,
    /// When nothing more will come.
    topology: Topology,
    /// How it waits.
    idle: PhantomData<I>,
}

impl<C: Open<Subscriber: Poll>, I: Idle> Open for Waiting<C, I> {
    type Publisher = C::Publisher;
    type Subscriber = WaitingSubscriber<C::Subscriber, I>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let (publishers, subscribers) = C::open(topology);
        (publishers, subscribers.into_iter().map(|inner| Self::wait(inner, topology)).collect())
    }
}

impl<C: Open, I> Waiting<C, I> {
    /// Makes a subscriber wait.
    pub fn wait(inner: C::Subscriber, topology: &Topology) -> WaitingSubscriber<C::Subscriber, I> {
        WaitingSubscriber { inner, topology: topology.clone(), idle: PhantomData }
    }
}

impl<R: Poll, I: Idle> Receive for WaitingSubscriber<R, I> {
    #[inline(always)]
    fn receive(&mut self, sink: &mut impl Sink) -> bool {
        loop {
            let finished = self.topology.finished();
            if self.inner.poll(sink) > 0 {
                return true;
            }
            if finished {
                return false;
            }
            I::idle();
        }
    }
}
