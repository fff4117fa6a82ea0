//! The books of one handler: written by its thread, readable by everybody.

use std::fmt;
use std::sync::Arc as StdArc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::bus::core::Member;
use crate::router::meter::{Clock, Count};
use crate::router::report::{Fate, HandlerReport, OnPanic};
use crate::router::stats::HandlerStats;
use crate::router::work::Unread;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// Names a handler; never used twice by a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlerId(pub(crate) u64);

impl fmt::Display for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the handler's thread counts, once for each batch.
pub(crate) struct Counters {
    /// Messages it was called with, to the end.
    pub(crate) messages: Count,
    /// Messages it was not called with.
    pub(crate) skipped: Count,
    /// Batches.
    pub(crate) batches: Count,
    /// The largest of them.
    pub(crate) largest: Count,
    /// Messages, or batches, in which it panicked.
    pub(crate) panics: Count,
    /// Nanoseconds that it took.
    pub(crate) busy: Count,
    /// Since when it has been in a batch; 0 when it is in none.
    pub(crate) busy_since: Count,
    /// When it last moved on.
    pub(crate) moved: Count,
}

/// Whether a handler has ended, and how.
struct Ending {
    /// What it has not read; written before the fate.
    left: AtomicU64,
    dropped: AtomicU64,
    /// 0 while it runs.
    fate: AtomicUsize,
}

impl Ending {
    /// SYNC POINT router/fate: whoever sees it sees all that the handler did. Only the first counts.
    fn set(&self, fate: Fate, unread: Unread) {
        if self.fate.load(Ordering::Relaxed) == 0 {
            self.left.store(unread.left, Ordering::Relaxed);
            self.dropped.store(unread.dropped, Ordering::Relaxed);
            self.fate.store(fate as usize, Ordering::Release);
        }
    }

    /// SYNC POINT router/fate.
    fn get(&self) -> Option<(Fate, Unread)> {
        let fate = Fate::from_code(self.fate.load(Ordering::Acquire))?;
        let left = self.left.load(Ordering::Relaxed);
        Some((fate, Unread { left, dropped: self.dropped.load(Ordering::Relaxed) }))
    }
}

pub(crate) struct Record {
    pub(crate) id: HandlerId,
    pub(crate) name: String,
    /// The group it is a member of.
    pub(crate) group: Option<String>,
    /// The number of its thread.
    pub(crate) thread: usize,
    pub(crate) policy: OnPanic,
    pub(crate) counters: CachePadded<Counters>,
    /// Its subscription.
    pub(crate) member: StdArc<Member>,
    /// What it said when it last panicked.
    pub(crate) last_panic: Mutex<Option<String>>,
    ending: Ending,
}

impl Record {
    pub(crate) fn new(
        id: HandlerId,
        name: String,
        group: Option<String>,
        thread: usize,
        policy: OnPanic,
        member: StdArc<Member>,
    ) -> Self {
        let counters = Counters {
            messages: Count::new(),
            skipped: Count::new(),
            batches: Count::new(),
            largest: Count::new(),
            panics: Count::new(),
            busy: Count::new(),
            busy_since: Count::new(),
            moved: Count::new(),
        };
        Self {
            id,
            name,
            group,
            thread,
            policy,
            counters: CachePadded::new(counters),
            member,
            last_panic: Mutex::new(None),
            ending: Ending {
                left: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
                fate: AtomicUsize::new(0),
            },
        }
    }

    /// A batch is done.
    #[inline(always)]
    pub(crate) fn count(&self, messages: u64, skipped: u64) {
        let counters = &*self.counters;
        counters.messages.add(messages);
        counters.skipped.add(skipped);
        counters.batches.add(1);
        let size = messages + skipped;
        if size > counters.largest.get() {
            counters.largest.set(size);
        }
    }

    pub(crate) fn end(&self, fate: Fate, unread: Unread) {
        self.ending.set(fate, unread);
    }

    pub(crate) fn fate(&self) -> Option<Fate> {
        Some(self.ending.get()?.0)
    }

    /// How many of the messages before `head` it has not read.
    pub(crate) fn lag(&self, head: u64) -> u64 {
        head.saturating_sub(self.member.cursor.last_position())
    }

    /// What it has not read of the messages before `head`, while it runs.
    fn unread(&self, head: u64) -> Unread {
        Unread { left: self.lag(head), dropped: self.member.cursor.missed() }
    }

    /// As it is now; `turn_since` is its thread's.
    pub(crate) fn stats(&self, head: u64, clock: &Clock, turn_since: u64) -> HandlerStats {
        let counters = &*self.counters;
        let ended = self.ending.get();
        let unread = ended.map_or_else(|| self.unread(head), |(_, unread)| unread);
        // See `HandlerStats::waiting`.
        let next_since = if turn_since == 0 { 0 } else { turn_since.max(counters.moved.get()) };
        let waiting = clock.since(next_since).filter(|_| unread.left > 0 && ended.is_none());
        HandlerStats {
            id: self.id,
            name: self.name.clone(),
            group: self.group.clone(),
            thread: self.thread,
            messages: counters.messages.get(),
            skipped: counters.skipped.get(),
            batches: counters.batches.get(),
            largest_batch: counters.largest.get(),
            panics: counters.panics.get(),
            last_panic: self.last_panic.lock().clone(),
            missed: unread.dropped,
            lag: unread.left,
            waiting: waiting.unwrap_or_default(),
            busy: Duration::from_nanos(counters.busy.get()),
            running: clock.since(counters.busy_since.get()),
            fate: ended.map(|(fate, _)| fate),
        }
    }

    /// What came of it. A handler that has not ended is called stuck; `head` is for its sake.
    pub(crate) fn report(&self, head: u64) -> HandlerReport {
        let (fate, unread) = self.ending.get().unwrap_or_else(|| (Fate::Stuck, self.unread(head)));
        HandlerReport {
            id: self.id,
            name: self.name.clone(),
            group: self.group.clone(),
            fate,
            handled: self.counters.messages.get(),
            skipped: self.counters.skipped.get(),
            left: unread.left,
            dropped: unread.dropped,
            panics: self.counters.panics.get(),
            last_panic: self.last_panic.lock().clone(),
        }
    }
}
