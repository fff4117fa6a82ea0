//! What a contender has to say about itself: how it opens, publishes and receives. All static: a
//! call per message goes through no table of functions.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::runtime::Builder;

use crate::{
    crew::Crew,
    entry::Order,
    own::Setup,
    workload::{Message, Sink},
};

/// How many publishers and subscribers, and whether the publishers are through.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Publishers.
    pub publishers: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// What a ring is like, where it is not for the contender to say.
    pub setup: Setup,
    /// Publishers that have not published everything yet.
    active: Arc<AtomicUsize>,
}

impl Topology {
    /// The topology of a row, whose publishers have all yet to publish.
    pub fn of(order: &Order) -> Self {
        let Order { row, setup, .. } = *order;
        let (publishers, subscribers) = (row.publishers, row.subscribers);
        let active = Arc::new(AtomicUsize::new(publishers));
        Self { publishers, subscribers, setup, active }
    }

    /// One publisher has published everything.
    pub fn publisher_done(&self) {
        // Release: whoever sees the last one done also sees what all of them published.
        self.active.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether nothing more will be published. Libraries without a notion of closing end by this;
    /// it costs a load of a line that nobody writes, and only after an empty poll.
    #[inline]
    pub fn finished(&self) -> bool {
        self.active.load(Ordering::Acquire) == 0
    }
}

/// Opens a contender.
pub trait Open: 'static {
    /// Its publishing handle. Dropping all of them closes it, where the library knows closing.
    type Publisher;
    /// Its subscribing handle.
    type Subscriber;

    /// Makes the handles, in their best documented configuration.
    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>);
}

/// Opens a contender together with a thread per subscriber. Everything whose subscribers can
/// [`Receive`] does so by itself; libraries that own their threads implement it.
pub trait Threads: 'static {
    /// Its publishing handle.
    type Publisher: Publish;

    /// Starts a thread for each sink.
    fn start<S: Sink>(topology: &Topology, sinks: Vec<S>) -> (Vec<Self::Publisher>, Crew<S>);
}

impl<C> Threads for C
where
    C: Open<Publisher: Publish, Subscriber: Receive>,
{
    type Publisher = C::Publisher;

    fn start<S: Sink>(topology: &Topology, sinks: Vec<S>) -> (Vec<C::Publisher>, Crew<S>) {
        let (publishers, subscribers) = C::open(topology);
        (publishers, Crew::hire(subscribers, sinks))
    }
}

/// A publisher on a thread.
pub trait Publish: Send + 'static {
    /// Publishes one message; waits for room.
    fn publish(&mut self, message: Message);

    /// Publishes messages one by one. Handles of several kinds override it to look once which kind
    /// they are.
    #[inline]
    fn publish_each(&mut self, messages: impl Iterator<Item = Message>) {
        for message in messages {
            self.publish(message);
        }
    }

    /// Publishes messages at once, where the library knows batches.
    #[inline]
    fn publish_batch(&mut self, messages: &[Message]) {
        self.publish_each(messages.iter().copied());
    }
}

/// A subscriber that blocks its thread.
pub trait Receive: Send + 'static {
    /// Waits for messages and takes those that are there; false when there will be no more.
    fn receive(&mut self, sink: &mut impl Sink) -> bool;
}

/// A subscriber that is polled.
pub trait Poll: Send + 'static {
    /// Takes the messages that are there, or some of them, and says how many.
    fn poll(&mut self, sink: &mut impl Sink) -> usize;
}

/// A publisher in a task.
pub trait PublishAsync: Send + 'static {
    /// Publishes one message; waits for room.
    fn publish(&mut self, message: Message) -> impl Future<Output = ()> + Send;
}

/// A subscriber in a task.
pub trait ReceiveAsync: Send + 'static {
    /// Waits for messages and takes those that are there; false when there will be no more.
    fn receive(&mut self, sink: &mut impl Sink) -> impl Future<Output = bool> + Send;
}

/// A contender that subscribers can join and leave while publishers run.
pub trait Churn: Open {
    /// What can subscribe.
    type Handle: Send + 'static;

    /// As [`Open::open`], and a handle to subscribe with.
    fn open_for_churn(
        topology: &Topology,
    ) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>, Self::Handle);

    /// Subscribes, and unsubscribes again.
    fn churn(handle: &Self::Handle);
}

/// A contender whose own thread takes on handlers while it runs.
pub trait Adds: Threads {
    /// What can add a handler.
    type Handle: Send + 'static;

    /// As [`Threads::start`], and a handle to add more with.
    fn start_for_adds<S: Sink>(
        topology: &Topology,
        sinks: Vec<S>,
    ) -> (Vec<Self::Publisher>, Crew<S>, Self::Handle);

    /// Adds a handler, and removes it again.
    fn add(handle: &Self::Handle);
}

/// A contender whose tasks ask a task that answers with [`Message::answer`].
pub trait Answer: 'static {
    /// What tasks ask with. Whoever answers goes on until its runtime is dropped.
    type Asker: Ask;

    /// Runs a future on this thread, with a runtime on which [`start`](Self::start) can be called.
    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    /// Starts the task that answers, on the runtime that this is called on.
    fn start() -> impl Future<Output = Self::Asker> + Send;
}

/// Asks.
pub trait Ask: Clone + Send + Sync + 'static {
    /// Asks, and waits for the answer.
    fn ask(&self, message: Message) -> impl Future<Output = Message> + Send;
}
