//! What a router thread and the others tell each other.

use std::sync::Arc as StdArc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::router::meter::{Clock, Count};
use crate::router::pin::Pinned;
use crate::router::record::Record;
use crate::router::report::PanicReport;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, thread_token};
use crate::wait::doorbell::Doorbell;
use crate::wait::strategy::{Patience, WaitStrategy};
use crate::wait::thread::wait;

/// Whether there are commands for a thread, so that it need not look at the channel each turn.
pub(crate) struct Pending(AtomicBool);

impl Pending {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// A command has been sent. A swap, not a store: of several who raise it, the one who takes it must be ordered
    /// after all, and a store would end the release sequence of those before.
    /// SYNC POINT router/pending: whoever takes this finds the command in the channel.
    pub(crate) fn raise(&self) {
        self.0.swap(true, Ordering::Release);
    }

    /// Whether commands may be there; a sender that is not seen now raises it again for the next turn.
    #[inline(always)]
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// To be called before the channel is emptied, so that what comes later is found later.
    /// SYNC POINT router/pending.
    pub(crate) fn take(&self) {
        self.0.swap(false, Ordering::AcqRel);
    }
}

/// One router thread, as others see it.
pub(crate) struct Station {
    /// What the thread is called.
    pub(crate) name: String,
    pub(crate) pending: CachePadded<Pending>,
    /// Since when it has been calling handlers in this turn; 0 when it has not.
    pub(crate) turn_since: CachePadded<Count>,
    /// Nanoseconds that its handlers took.
    pub(crate) busy: Count,
    /// Handlers that were given to it and have not ended.
    pub(crate) handlers: AtomicUsize,
    /// Its core, once it has tried.
    pub(crate) pinned: Mutex<Option<Pinned>>,
    /// The thread, while it runs.
    token: AtomicUsize,
    ended: AtomicBool,
}

impl Station {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            pending: CachePadded::new(Pending::new()),
            turn_since: CachePadded::new(Count::new()),
            busy: Count::new(),
            handlers: AtomicUsize::new(0),
            pinned: Mutex::new(None),
            token: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// The calling thread works here from now on.
    pub(crate) fn enter(&self) {
        self.token.store(thread_token(), Ordering::Relaxed);
    }

    /// Whether the thread has found its core, or has not.
    pub(crate) fn has_begun(&self) -> bool {
        self.pinned.lock().is_some()
    }

    /// The thread has let go of all its handlers.
    /// SYNC POINT router/ended: whoever sees it sees all that they did.
    pub(crate) fn leave(&self) {
        self.token.store(0, Ordering::Relaxed);
        self.ended.store(true, Ordering::Release);
    }

    /// SYNC POINT router/ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Called with each panic of a handler.
pub(crate) type PanicHook = Box<dyn Fn(&PanicReport) + Send + Sync>;

/// What the threads of one router share.
pub(crate) struct Common {
    /// What the router is called.
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) stations: Vec<Station>,
    /// The handlers that run, or have ended by themselves.
    pub(crate) records: Mutex<Vec<StdArc<Record>>>,
    pub(crate) on_panic: Option<PanicHook>,
    /// Rung when a handler or a thread ends, and when a thread has found its core.
    pub(crate) departures: Doorbell,
    /// The next id of a handler, or key of one who waits at the doorbell.
    next: AtomicU64,
}

impl Common {
    pub(crate) fn new(name: String, stations: Vec<Station>, on_panic: Option<PanicHook>) -> Self {
        Self {
            name,
            clock: Clock::new(),
            stations,
            records: Mutex::new(Vec::new()),
            on_panic,
            departures: Doorbell::new(),
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn new_key(&self) -> u64 {
        // Relaxed: only that no two are alike.
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether the calling thread is one of the router's.
    pub(crate) fn is_own_thread(&self) -> bool {
        let token = thread_token();
        // Relaxed: each thread sees what it wrote itself.
        self.stations.iter().any(|station| station.token.load(Ordering::Relaxed) == token)
    }

    /// Waits, at most for so long, until something is so; false if it is not. What becomes so must be
    /// followed by ringing `departures`. On a thread of the router, for which it would wait, it only looks.
    pub(crate) fn wait_until(&self, limit: Option<Duration>, so: impl Fn() -> bool) -> bool {
        if so() {
            return true;
        }
        if self.is_own_thread() {
            return false;
        }
        let deadline = limit.and_then(|limit| crate::sync::Instant::now().checked_add(limit));
        let mut patience = Patience::new();
        let key = self.new_key();
        let look = |_: &mut &Self, _| so().then_some(());
        let at = &WaitStrategy::Adaptive;
        wait(&mut &*self, |common| (&common.departures, at), key, &mut patience, deadline, look)
            .is_some()
    }
}
