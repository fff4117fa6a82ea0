//! What a router and the handles of its handlers share: the way to its threads.

use std::sync::Arc as StdArc;
use std::time::Duration;

use crate::bus::core::Core;
use crate::router::pin::Pinned;
use crate::router::record::Record;
use crate::router::station::{Common, Station};
use crate::router::stats::{RouterStats, ThreadStats};
use crate::router::work::Work;
use crate::router::worker::{Command, Running};
use crate::sync::{Arc, Ordering, Sender, Thread};

/// Where a thread takes its commands.
pub(crate) struct Post {
    pub(crate) commands: Sender<Command>,
    pub(crate) thread: Thread,
}

/// What a router and the handles of its handlers share.
pub(crate) struct Shared<T> {
    pub(crate) core: Arc<Core<T>>,
    pub(crate) common: Arc<Common>,
    /// One for each thread.
    posts: Vec<Post>,
}

impl<T> Shared<T> {
    pub(crate) fn new(core: Arc<Core<T>>, common: Arc<Common>, posts: Vec<Post>) -> Self {
        Self { core, common, posts }
    }

    /// Sends a command to a thread; false (and the command is dropped) if it has ended.
    pub(crate) fn send(&self, thread: usize, command: Command) -> bool {
        let post = &self.posts[thread];
        let sent = post.commands.send(command).is_ok();
        self.common.stations[thread].pending.raise();
        post.thread.unpark();
        sent
    }

    /// Sends a command to all threads.
    pub(crate) fn send_all(&self, command: impl Fn() -> Command) {
        (0..self.posts.len()).for_each(|thread| {
            self.send(thread, command());
        });
    }

    /// The next sequence to be published.
    pub(crate) fn head(&self) -> u64 {
        self.core.ring.sequencer.head()
    }

    pub(crate) fn threads(&self) -> usize {
        self.posts.len()
    }

    /// The thread with the fewest handlers; of these, that with the least busy ones.
    pub(crate) fn least_loaded(&self) -> usize {
        let stations = self.common.stations.iter().enumerate();
        let load = |(_, station): &(usize, &Station)| {
            (station.handlers.load(Ordering::Relaxed), station.busy.get())
        };
        stations.min_by_key(load).map_or(0, |(index, _)| index)
    }

    /// Gives a handler to its thread; false if that has ended.
    pub(crate) fn add(&self, record: &StdArc<Record>, work: Box<dyn Work>) -> bool {
        let common = &self.common;
        common.records.lock().push(StdArc::clone(record));
        common.stations[record.thread].handlers.fetch_add(1, Ordering::Relaxed);
        let running = Running::new(work, StdArc::clone(record), Arc::clone(common));
        self.send(record.thread, Command::Add(running))
    }

    /// Whether all threads have ended.
    pub(crate) fn have_ended(&self) -> bool {
        self.common.stations.iter().take(self.posts.len()).all(Station::has_ended)
    }

    /// How the threads and handlers are doing.
    pub(crate) fn stats(&self) -> RouterStats {
        let common = &self.common;
        let threads = common.stations.iter().map(|station| ThreadStats {
            name: station.name.clone(),
            pinned: station.pinned.lock().clone().unwrap_or(Pinned::No),
            handlers: station.handlers.load(Ordering::Relaxed),
            busy: Duration::from_nanos(station.busy.get()),
            in_turn: common.clock.since(station.turn_since.get()),
        });
        let records = common.records.lock().clone();
        let head = self.head();
        let handlers = records.iter().map(|record| {
            record.stats(head, &common.clock, common.stations[record.thread].turn_since.get())
        });
        RouterStats {
            name: common.name.clone(),
            threads: threads.collect(),
            handlers: handlers.collect(),
        }
    }
}
