//! Adding a handler.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc as StdArc;

use crate::bus::{Batch, Start, Subscriber, SubscriberBuilder, Upstream};
use crate::ring::cursor::Overflow;
use crate::router::batched::Batched;
use crate::router::error::RouterError;
use crate::router::handle::HandlerHandle;
use crate::router::record::{HandlerId, Record};
use crate::router::report::OnPanic;
use crate::router::select::{All, Filter, Narrowed, Select};
use crate::router::shared::Shared;
use crate::router::work::{Closure, Each, Handler, Work};
use crate::sync::Arc;

/// Adds a handler: see [`Router::handler`](crate::Router::handler).
#[must_use = "a builder does nothing until `handle`, `handle_batch` or `run`"]
pub struct HandlerBuilder<'r, T, S = All> {
    shared: &'r Arc<Shared<T>>,
    name: String,
    subscription: SubscriberBuilder<'r, T>,
    select: S,
    thread: Option<usize>,
    policy: OnPanic,
}

impl<'r, T> HandlerBuilder<'r, T, All> {
    pub(crate) fn new(shared: &'r Arc<Shared<T>>, name: String) -> Self {
        let subscription = SubscriberBuilder::new(&shared.core).name(&name);
        let policy = OnPanic::default();
        Self { shared, name, subscription, select: All, thread: None, policy }
    }

    /// Calls the handler only with messages for which `wanted` says yes. It looks at them where they
    /// are, on the handler's thread; the others are counted as skipped. If it panics, that is the
    /// handler's panic.
    pub fn filter<P>(self, wanted: P) -> HandlerBuilder<'r, T, Filter<P>>
    where
        P: Fn(&T) -> bool + Send + 'static,
    {
        self.with(Filter(wanted))
    }

    /// Calls the handler with a part of the message, where there is one: a topic of its own type. As
    /// [`filter`](Self::filter) otherwise.
    ///
    /// ```
    /// # use stentor::{Bus, Drain, Router};
    /// enum Event {
    ///     Trade { price: u64 },
    ///     Text(String),
    /// }
    ///
    /// let bus = Bus::new(64);
    /// let publisher = bus.publisher();
    /// let router = Router::builder(&bus).start()?;
    /// router
    ///     .handler("prices")
    ///     .topic(|event| match event {
    ///         Event::Trade { price } => Some(price),
    ///         Event::Text(_) => None,
    ///     })
    ///     .handle(|price: &u64| println!("{price}"));
    /// router
    ///     .handler("texts")
    ///     .topic(|event| if let Event::Text(text) = event { Some(text.as_str()) } else { None })
    ///     .handle(|text: &str| println!("{text}"));
    /// publisher.publish(Event::Trade { price: 7 }).ok();
    /// publisher.publish(Event::Text("hello".into())).ok();
    /// let report = router.shutdown(Drain::Yes);
    /// assert!(report.handlers.iter().all(|handler| (handler.handled, handler.skipped) == (1, 1)));
    /// # Ok::<(), stentor::RouterError>(())
    /// ```
    pub fn topic<U, P>(self, find: P) -> HandlerBuilder<'r, T, Narrowed<P, U>>
    where
        U: ?Sized + 'static,
        P: Fn(&T) -> Option<&U> + Send + 'static,
    {
        self.with(Narrowed(find, PhantomData))
    }

    fn with<S>(self, select: S) -> HandlerBuilder<'r, T, S> {
        let Self { shared, name, subscription, thread, policy, .. } = self;
        HandlerBuilder { shared, name, subscription, select, thread, policy }
    }
}

impl<T, S> HandlerBuilder<'_, T, S> {
    /// What happens when it is in the way of a full ring. [`Overflow::Block`] unless said: publishers wait.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.subscription = self.subscription.overflow(overflow);
        self
    }

    /// Where it starts. [`Start::Next`] unless said.
    pub fn from(mut self, start: Start) -> Self {
        self.subscription = self.subscription.from(start);
        self
    }

    /// It is called with a message only once all of these are past it, whichever threads they are on. One
    /// that has ended meanwhile is waited for no longer.
    pub fn after(mut self, others: &[&dyn Upstream<T>]) -> Self {
        self.subscription = self.subscription.after(others);
        self
    }

    /// The number of the router thread it runs on, from 0. The one with the fewest handlers unless said; of
    /// these, the one that was busy for the shortest time.
    pub fn on_thread(mut self, thread: usize) -> Self {
        self.thread = Some(thread);
        self
    }

    /// What happens if it panics. [`OnPanic::Remove`] unless said.
    pub fn on_panic(mut self, policy: OnPanic) -> Self {
        self.policy = policy;
        self
    }
}

impl<T, S> HandlerBuilder<'_, T, S>
where
    T: Send + Sync + 'static,
    S: Select<T>,
{
    /// Adds a closure that is called with each message.
    ///
    /// # Panics
    /// Where [`Self::try_handle`] gives an error.
    #[track_caller]
    pub fn handle(self, handler: impl FnMut(&S::Item) + Send + 'static) -> HandlerHandle<T> {
        sure(self.try_handle(handler))
    }

    /// Adds a closure that is called with each message. Every message whose publishing begins after
    /// this returns is handled. Publishers and other handlers go on meanwhile; this does not wait for
    /// the router's thread.
    ///
    /// # Errors
    /// A thread that the router does not have; `after` was given something of another bus, or that
    /// has ended.
    pub fn try_handle(
        self,
        handler: impl FnMut(&S::Item) + Send + 'static,
    ) -> Result<HandlerHandle<T>, RouterError> {
        self.try_run(Closure(handler))
    }

    /// Adds a [`Handler`].
    ///
    /// # Panics
    /// Where [`Self::try_run`] gives an error.
    #[track_caller]
    pub fn run(self, handler: impl Handler<S::Item>) -> HandlerHandle<T> {
        sure(self.try_run(handler))
    }

    /// Adds a [`Handler`], as [`try_handle`](Self::try_handle) adds a closure.
    ///
    /// # Errors
    /// As [`try_handle`](Self::try_handle).
    pub fn try_run(self, handler: impl Handler<S::Item>) -> Result<HandlerHandle<T>, RouterError> {
        self.add(|subscriber, select, record| {
            Box::new(Each { subscriber, select, handler, unflushed: false, record })
        })
    }

    /// Adds a closure that is called with batches, to read in place; the messages count as read when it
    /// drops the batch. [`Batch::is_end_of_batch`] says when to flush; what it leaves with
    /// [`Batch::consume`] it gets again; where it consumed nothing, once there is more (if there will
    /// be no more, that is left). With a [`filter`](HandlerBuilder::filter) the batches are runs of
    /// wanted messages.
    ///
    /// If the closure panics the batch counts as read, but for what it had excluded by `consume`.
    ///
    /// # Panics
    /// Where [`Self::try_handle_batch`] gives an error.
    #[track_caller]
    pub fn handle_batch(
        self,
        handler: impl FnMut(Batch<'_, T>) + Send + 'static,
    ) -> HandlerHandle<T>
    where
        S: Select<T, Item = T>,
    {
        sure(self.try_handle_batch(handler))
    }

    /// Adds a closure that is called with batches: see [`handle_batch`](Self::handle_batch).
    ///
    /// # Errors
    /// As [`try_handle`](Self::try_handle).
    pub fn try_handle_batch(
        self,
        handler: impl FnMut(Batch<'_, T>) + Send + 'static,
    ) -> Result<HandlerHandle<T>, RouterError>
    where
        S: Select<T, Item = T>,
    {
        self.add(|subscriber, select, record| {
            Box::new(Batched { subscriber, select, handler, record, refused: 0 })
        })
    }

    /// Subscribes, and gives what `make` makes of it to the handler's thread.
    fn add(
        self,
        make: impl FnOnce(Subscriber<T>, S, StdArc<Record>) -> Box<dyn Work>,
    ) -> Result<HandlerHandle<T>, RouterError> {
        let Self { shared, name, subscription, select, thread, policy } = self;
        let thread = choose_thread(shared, thread)?;
        let subscriber = subscription.try_subscribe()?;
        let id = HandlerId(shared.common.new_key());
        let member = StdArc::clone(subscriber.member());
        let record = StdArc::new(Record::new(id, name, None, thread, policy, member));
        let work = make(subscriber, select, StdArc::clone(&record));
        if shared.add(&record, work) {
            Ok(HandlerHandle::new(Arc::clone(shared), record))
        } else {
            Err(RouterError::ShutDown)
        }
    }
}

/// The thread that was chosen, or the least loaded one.
pub(crate) fn choose_thread<T>(
    shared: &Shared<T>,
    chosen: Option<usize>,
) -> Result<usize, RouterError> {
    let threads = shared.threads();
    match chosen {
        None => Ok(shared.least_loaded()),
        Some(thread) if thread < threads => Ok(thread),
        Some(thread) => Err(RouterError::NoSuchThread { thread, threads }),
    }
}

/// What was added, or a panic with the error.
#[track_caller]
pub(crate) fn sure<R>(added: Result<R, RouterError>) -> R {
    match added {
        Ok(added) => added,
        Err(error) => panic!("{error}"),
    }
}

impl<T, S> fmt::Debug for HandlerBuilder<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
