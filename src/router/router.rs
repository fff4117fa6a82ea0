//! The router itself.

use std::fmt;
use std::time::Duration;

use crate::bus::{Batch, Bus};
use crate::router::builder::RouterBuilder;
use crate::router::group::GroupBuilder;
use crate::router::handle::HandlerHandle;
use crate::router::options::HandlerBuilder;
use crate::router::report::{Drain, Report};
use crate::router::select::All;
use crate::router::shared::Shared;
use crate::router::station::Common;
use crate::router::stats::RouterStats;
use crate::router::watchdog::Watchdog;
use crate::router::worker::Command;
use crate::sync::{Arc, JoinHandle};

/// How long a router that is dropped, or whose time to drain is over, waits for the batches that its handlers
/// are in.
const FAREWELL: Duration = Duration::from_millis(if cfg!(stentor_loom) { 1_000 } else { 100 });

/// Threads that poll subscriptions of a [`Bus`] in place and call a handler for each.
///
/// One thread that polls many subscriptions is faster than a thread for each of them, and with the threads
/// pinned to cores of their own it is also known where the handlers run. Handlers are added and removed
/// while it runs; the thread of a handler is the one with the fewest, or a
/// [chosen one](HandlerBuilder::on_thread). A handler is never called by two threads at once, and always by the
/// same.
///
/// A router keeps its bus neither open nor closed. When the bus is closed, handlers read what was accepted and
/// then end. The methods may be called from anywhere, also from within its own handlers: what waits for
/// the router's threads does not wait there.
///
/// Dropping the router drains nothing: handlers end after the batch they are in. It waits for them for
/// 0.1 s at most, so one that is stuck holds nobody up: its thread ends when it returns. (A router that
/// is owned by one of its own handlers lives until that is removed.) To know what came of them,
/// [`shutdown`](Self::shutdown).
///
/// # Examples
/// ```
/// use stentor::{Bus, Drain, Router};
///
/// let bus = Bus::new(1024);
/// let publisher = bus.publisher();
/// let router = Router::builder(&bus).threads(2).name("desk").start()?;
/// router.handle("all", |n: &u64| println!("{n}"));
/// router.handler("audit").filter(|n| n % 2 == 0).handle(|n| println!("{n}"));
/// publisher.publish_batch([1, 2, 3, 4]).unwrap();
///
/// let report = router.shutdown(Drain::Yes);
/// assert_eq!(report.handler("all").unwrap().handled, 4);
/// assert_eq!(report.handler("audit").unwrap().skipped, 2);
/// # Ok::<(), stentor::RouterError>(())
/// ```
pub struct Router<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
    watchdog: Option<Watchdog>,
    /// It has been shut down.
    is_over: bool,
}

impl<T: Send + Sync + 'static> Router<T> {
    /// A router for the messages of `bus`; [`start`](RouterBuilder::start) starts it.
    ///
    /// ```
    /// use stentor::{Bus, Pin, Router, WaitStrategy};
    ///
    /// let bus = Bus::<u64>::new(1024);
    /// let router = Router::builder(&bus)
    ///     .threads(2)
    ///     .pin(Pin::Auto)
    ///     .wait(WaitStrategy::Adaptive)
    ///     .name("router")
    ///     .start()?;
    /// assert_eq!(router.stats().threads[1].name, "router-1");
    /// # Ok::<(), stentor::RouterError>(())
    /// ```
    pub fn builder(bus: &Bus<T>) -> RouterBuilder<'_, T> {
        RouterBuilder::new(bus)
    }

    /// Adds a handler that is called with every message published from now on.
    ///
    /// ```
    /// # let bus = stentor::Bus::<u64>::new(64);
    /// # let router = stentor::Router::builder(&bus).start()?;
    /// let monitor = router.handle("monitor", |n| println!("{n}"));
    /// assert_eq!(monitor.remove().handled, 0);
    /// # Ok::<(), stentor::RouterError>(())
    /// ```
    pub fn handle(
        &self,
        name: impl Into<String>,
        handler: impl FnMut(&T) + Send + 'static,
    ) -> HandlerHandle<T> {
        self.handler(name).handle(handler)
    }

    /// Adds a handler that is called with batches of messages, to read in place. See
    /// [`HandlerBuilder::handle_batch`].
    pub fn handle_batch(
        &self,
        name: impl Into<String>,
        handler: impl FnMut(Batch<'_, T>) + Send + 'static,
    ) -> HandlerHandle<T> {
        self.handler(name).handle_batch(handler)
    }

    /// A handler that says more of itself.
    ///
    /// ```
    /// use stentor::{Bus, OnPanic, Overflow, Router};
    ///
    /// let bus = Bus::<u64>::new(64);
    /// let router = Router::builder(&bus).threads(2).start()?;
    /// let journal = router.handler("journal").on_thread(0).handle_batch(|batch| drop(batch));
    /// router.handler("business").after(&[&journal]).on_panic(OnPanic::Continue).handle(|_| {});
    /// router.handler("monitor").overflow(Overflow::DropOldest).handle(|_| {});
    /// # Ok::<(), stentor::RouterError>(())
    /// ```
    pub fn handler(&self, name: impl Into<String>) -> HandlerBuilder<'_, T, All> {
        HandlerBuilder::new(&self.shared, name.into())
    }

    /// Handlers that share the messages between them: each message is for exactly one.
    pub fn group(&self, name: impl Into<String>) -> GroupBuilder<'_, T> {
        GroupBuilder::new(&self.shared, name.into())
    }

    /// How its threads and handlers are doing. Holds up nobody who handles messages.
    pub fn stats(&self) -> RouterStats {
        self.shared.stats()
    }

    /// Ends all handlers and all threads; says what has come of them. What "drained" and "left" mean
    /// counts from the moment of this call: publishers may go on meanwhile, and are not waited for.
    ///
    /// Called on a thread of the router, that is by a handler, it does not wait: the handlers end as `drain`
    /// says, and the report is about what was before.
    pub fn shutdown(mut self, drain: Drain) -> Report {
        self.is_over = true;
        let shared = &*self.shared;
        let (head, common) = (shared.head(), &shared.common);
        let wait = |limit| common.wait_until(limit, || shared.have_ended());
        match drain {
            Drain::Yes => {
                shared.send_all(|| Command::Drain(head));
                wait(None);
            }
            Drain::No => {
                shared.send_all(|| Command::Stop(head));
                wait(None);
            }
            Drain::Within(limit) => {
                shared.send_all(|| Command::Drain(head));
                if !wait(Some(limit)) {
                    shared.send_all(|| Command::Stop(head));
                    wait(Some(FAREWELL));
                }
            }
        }
        let records = common.records.lock().clone();
        let report = Report {
            name: common.name.clone(),
            handlers: records.iter().map(|record| record.report(head)).collect(),
        };
        self.part();
        report
    }
}

impl<T> Router<T> {
    pub(crate) fn new(shared: Shared<T>, threads: Vec<JoinHandle<()>>) -> Self {
        Self { shared: Arc::new(shared), threads, watchdog: None, is_over: false }
    }

    pub(crate) fn watch(&mut self, watchdog: Watchdog) {
        self.watchdog = Some(watchdog);
    }

    /// What it shares with the handles of its handlers.
    #[cfg(feature = "inspect")]
    pub(crate) fn shared(&self) -> &Arc<Shared<T>> {
        &self.shared
    }

    pub(crate) fn common(&self) -> &Arc<Common> {
        &self.shared.common
    }

    /// Lets go of the threads: waits for those that are about to end, leaves the others to themselves.
    fn part(&mut self) {
        self.watchdog = None;
        let on_own_thread = self.shared.common.is_own_thread();
        for (station, thread) in self.shared.common.stations.iter().zip(self.threads.drain(..)) {
            if station.has_ended() && !on_own_thread {
                // It caught the panics of handlers; one of its own has been printed.
                let _ = thread.join();
            }
        }
    }
}

impl<T> Drop for Router<T> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let shared = &*self.shared;
        let head = shared.head();
        shared.send_all(|| Command::Stop(head));
        shared.common.wait_until(Some(FAREWELL), || shared.have_ended());
        self.part();
    }
}

impl<T> fmt::Debug for Router<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Router");
        shown.field("name", &self.shared.common.name).field("threads", &self.shared.threads());
        shown.finish_non_exhaustive()
    }
}
