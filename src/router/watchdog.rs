//! A thread that looks whether handlers are stuck.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;
use std::time::Duration;

use crate::router::builder::spawn;
use crate::router::error::RouterError;
use crate::router::record::{HandlerId, Record};
use crate::router::station::Common;
use crate::router::work::discard;
use crate::sync::{Arc, AtomicBool, Ordering, Thread, park_timeout};

/// A handler has been in one batch for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stuck {
    /// The router's name.
    pub router: String,
    /// The handler.
    pub id: HandlerId,
    /// Its name.
    pub name: String,
    /// What its thread is called.
    pub thread: String,
    /// For how long it has been in this batch.
    pub running: Duration,
}

/// Called with handlers that are stuck.
pub(crate) type StuckHook = Box<dyn Fn(&Stuck) + Send + Sync>;

/// The shortest time between two looks.
const TICK: Duration = Duration::from_millis(1);

/// The thread that looks; it ends some time after this is dropped.
pub(crate) struct Watchdog {
    over: Arc<AtomicBool>,
    thread: Thread,
}

impl Watchdog {
    pub(crate) fn start(
        name: String,
        common: Arc<Common>,
        threshold: Duration,
        hook: StuckHook,
    ) -> Result<Self, RouterError> {
        let over = Arc::new(AtomicBool::new(false));
        let watch = Watch { common, threshold, hook, told: HashMap::new() };
        let thread = spawn(name, {
            let over = Arc::clone(&over);
            move || watch.run(&over)
        })?;
        Ok(Self { over, thread: thread.thread().clone() })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Relaxed: the unparking orders it.
        self.over.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

/// What the thread knows.
struct Watch {
    common: Arc<Common>,
    threshold: Duration,
    hook: StuckHook,
    /// The batch of each handler that was told of: when it began.
    told: HashMap<HandlerId, u64>,
}

impl Watch {
    fn run(mut self, over: &AtomicBool) {
        let tick = (self.threshold / 4).max(TICK);
        while !over.load(Ordering::Relaxed) {
            self.look();
            park_timeout(tick);
        }
    }

    fn look(&mut self) {
        let records = self.common.records.lock().clone();
        self.told.retain(|id, since| {
            records.iter().any(|other| other.id == *id && other.counters.busy_since.get() == *since)
        });
        records.iter().for_each(|record| self.look_at(record));
    }

    fn look_at(&mut self, record: &StdArc<Record>) {
        let since = record.counters.busy_since.get();
        let Some(running) = self.common.clock.since(since) else { return };
        if running < self.threshold || self.told.insert(record.id, since).is_some() {
            return;
        }
        let stuck = Stuck {
            router: self.common.name.clone(),
            id: record.id,
            name: record.name.clone(),
            thread: self.common.stations[record.thread].name.clone(),
            running,
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.hook)(&stuck))) {
            discard(payload);
        }
    }
}
