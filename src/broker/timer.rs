//! Wakes requests whose time is out: one thread, which sleeps until the next deadline.
//!
//! The thread announces when it will look again (`next`). A request with an earlier deadline brings that
//! forward and wakes the thread; any other costs one look at `next`. When it is time the thread looks at
//! all requests, wakes those who are due, and sleeps until the first deadline of the others. So requests
//! that are answered in time wake nobody: with time-outs of a second, the thread wakes once in a second.
//!
//! | a request | the thread |
//! |---|---|
//! | put its deadline into its place | `next` = never |
//! | fence | fence |
//! | look at `next`: later than the deadline? bring it forward, wake the thread | look at all places |
//!
//! Either the thread finds the deadline, or the request finds `next` too late.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::sync::{AtomicU64, Instant, Ordering, Thread, ThreadBuilder, fence, park, park_timeout};

/// The thread looks no more often than this.
const LEAST: Duration = Duration::from_millis(1);

/// Never.
const NEVER: u64 = u64::MAX;

/// What the thread looks at.
pub(crate) trait Watched: Send + Sync + 'static {
    /// Wakes those who are due; the first deadline of the others.
    fn wake_overdue(&self) -> Option<Instant>;
}

pub(crate) struct Alarm {
    epoch: Instant,
    /// When the thread will look, in nanoseconds since `epoch`.
    next: AtomicU64,
    thread: OnceLock<Thread>,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now(), next: AtomicU64::new(NEVER), thread: OnceLock::new() }
    }

    /// Makes sure that the thread looks at `watched` when `deadline` comes, which stands in it already.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub(crate) fn set<W: Watched>(self: &Arc<Self>, deadline: Instant, watched: &Arc<W>) {
        let at = self.nanos(deadline);
        fence(Ordering::SeqCst);
        // Relaxed: see the table above.
        if at < self.next.load(Ordering::Relaxed) {
            self.next.fetch_min(at, Ordering::Relaxed);
            self.thread.get_or_init(|| self.start(Arc::downgrade(watched))).unpark();
        }
    }

    /// What was watched is gone.
    pub(crate) fn stop(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.epoch).as_nanos().try_into().unwrap_or(NEVER)
    }

    fn start<W: Watched>(self: &Arc<Self>, watched: Weak<W>) -> Thread {
        let alarm = Arc::clone(self);
        let thread = ThreadBuilder::new().name("stentor-timer".into());
        match thread.spawn(move || while alarm.turn(&watched) {}) {
            Ok(handle) => handle.thread().clone(),
            Err(error) => panic!("no thread for the time-outs of requests: {error}"),
        }
    }

    /// Sleeps until it is time, then looks; false if there is nothing to look at any more.
    fn turn<W: Watched>(&self, watched: &Weak<W>) -> bool {
        let (next, now) = (self.next.load(Ordering::Relaxed), self.nanos(Instant::now()));
        if next == NEVER {
            park();
        } else if next > now {
            park_timeout(Duration::from_nanos(next - now));
        } else if let Some(watched) = watched.upgrade() {
            self.next.store(NEVER, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let found = watched.wake_overdue().map(|at| self.nanos(at));
            let soonest = now.saturating_add(LEAST.as_nanos() as u64);
            self.next.fetch_min(found.map_or(NEVER, |at| at.max(soonest)), Ordering::Relaxed);
        }
        watched.strong_count() > 0
    }
}
