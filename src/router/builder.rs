//! Starting a router.

use std::fmt::{self, Display};
use std::time::Duration;

use crate::bus::Bus;
use crate::router::error::RouterError;
use crate::router::pin::{Pin, Plan};
use crate::router::report::PanicReport;
use crate::router::router::Router;
use crate::router::shared::{Post, Shared};
use crate::router::station::{Common, PanicHook, Station};
use crate::router::watchdog::{Stuck, StuckHook, Watchdog};
use crate::router::worker::Worker;
use crate::sync::{Arc, JoinHandle, ThreadBuilder, unbounded};
use crate::wait::strategy::WaitStrategy;

/// More threads than anybody has cores.
const MOST_THREADS: usize = 1024;

/// What a thread may be called, in bytes: Linux cuts off the rest.
const NAME: usize = 15;

/// Starts a [`Router`]: see [`Router::builder`].
#[must_use = "a builder does nothing until `start`"]
pub struct RouterBuilder<'a, T> {
    bus: &'a Bus<T>,
    name: String,
    threads: usize,
    pin: Pin,
    wait: WaitStrategy,
    batch: usize,
    on_panic: Option<PanicHook>,
    watchdog: Option<(Duration, StuckHook)>,
}

impl<'a, T: Send + Sync + 'static> RouterBuilder<'a, T> {
    pub(crate) fn new(bus: &'a Bus<T>) -> Self {
        Self {
            bus,
            name: "router".to_owned(),
            threads: 1,
            pin: Pin::No,
            wait: WaitStrategy::default(),
            batch: 256,
            on_panic: None,
            watchdog: None,
        }
    }

    /// What `stats` calls it, and its threads with a number behind it: `name-0`, `name-1`. `router`
    /// unless said.
    ///
    /// Linux shows 15 bytes of a thread's name (`top -H`), so the name is cut for the threads where
    /// the number would not fit.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many threads. 1 unless said.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The cores the threads run on: `[2, 3]`, or [`Pin::Auto`]. Wherever the scheduler puts them unless said.
    /// What the machine does not allow is no failure: the thread runs unpinned, and
    /// [`stats`](Router::stats) says so.
    pub fn pin(mut self, pin: impl Into<Pin>) -> Self {
        self.pin = pin.into();
        self
    }

    /// What a thread does while none of its handlers has anything to read. [`WaitStrategy::Adaptive`]
    /// unless said: it parks, and costs nothing while idle.
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.wait = strategy;
        self
    }

    /// The most messages for each handler before its neighbours on the thread get their turn. 256 unless
    /// said; never more than a [`Batch`](crate::Batch) holds.
    pub fn batch(mut self, messages: usize) -> Self {
        self.batch = messages;
        self
    }

    /// Called when a handler panics, on its thread, which waits for it. If it panics itself, that is
    /// ignored. With the feature `tracing` there is an error event as well.
    pub fn on_panic(mut self, hook: impl Fn(&PanicReport) + Send + Sync + 'static) -> Self {
        self.on_panic = Some(Box::new(hook));
        self
    }

    /// Called when a handler has been in one batch for longer than `threshold`: once for each such
    /// batch, on a thread of its own (`name-watch`), which looks four times in a `threshold`, at most a
    /// thousand times a second. If it panics, that is ignored.
    pub fn watchdog(
        mut self,
        threshold: Duration,
        hook: impl Fn(&Stuck) + Send + Sync + 'static,
    ) -> Self {
        self.watchdog = Some((threshold, Box::new(hook)));
        self
    }

    /// Starts the threads; returns when they have found their cores.
    ///
    /// # Errors
    /// No threads or more than 1,024; a batch of 0; a watchdog's threshold of 0; the system gives no thread.
    pub fn start(self) -> Result<Router<T>, RouterError> {
        self.check()?;
        let Self { bus, name, threads, pin, wait, batch, on_panic, watchdog } = self;
        let core = bus.core();
        let names = (0..threads).map(|index| thread_name(&name, index));
        let stations = names.map(Station::new).collect();
        let watch = thread_name(&name, "watch");
        let common = Arc::new(Common::new(name, stations, on_panic));
        let (mut posts, mut crew, mut failure) = (Vec::new(), Vec::new(), None);
        for (index, plan) in Plan::for_threads(&pin, threads).into_iter().enumerate() {
            let (commands, receiver) = unbounded();
            let worker = Worker::new(Arc::clone(core), Arc::clone(&common), index, receiver, batch);
            let wait = wait.clone();
            let name = common.stations[index].name.clone();
            match spawn(name, move || worker.run(&plan, &wait)) {
                Ok(thread) => {
                    posts.push(Post { commands, thread: thread.thread().clone() });
                    crew.push(thread);
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let mut router = Router::new(Shared::new(Arc::clone(core), common, posts), crew);
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some((threshold, hook)) = watchdog {
            router.watch(Watchdog::start(watch, Arc::clone(router.common()), threshold, hook)?);
        }
        router
            .common()
            .wait_until(None, || router.common().stations.iter().all(Station::has_begun));
        Ok(router)
    }

    fn check(&self) -> Result<(), RouterError> {
        match self {
            Self { threads, .. } if *threads == 0 || *threads > MOST_THREADS => {
                Err(RouterError::Threads { threads: *threads })
            }
            Self { batch: 0, .. } => Err(RouterError::Batch { batch: 0 }),
            Self { watchdog: Some((Duration::ZERO, _)), .. } => Err(RouterError::Threshold),
            _ => Ok(()),
        }
    }
}

/// Starts a thread.
pub(crate) fn spawn(
    name: String,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, RouterError> {
    let started = ThreadBuilder::new().name(name.clone()).spawn(run);
    started.map_err(|error| RouterError::Spawn { name, error })
}

/// `name-suffix`, with as much of the name as leaves the suffix to be seen.
fn thread_name(name: &str, suffix: impl Display) -> String {
    let suffix = format!("-{suffix}");
    // A thread's name cannot hold a 0.
    let name = name.replace('\0', "");
    let room = NAME - suffix.len();
    let end = (0..=name.len().min(room)).rfind(|end| name.is_char_boundary(*end));
    format!("{}{suffix}", &name[..end.unwrap_or(0)])
}

impl<T> fmt::Debug for RouterBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RouterBuilder");
        shown.field("name", &self.name).field("threads", &self.threads).field("pin", &self.pin);
        shown.field("wait", &self.wait).field("batch", &self.batch).finish_non_exhaustive()
    }
}
