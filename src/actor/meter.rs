//! What an actor counts of itself.

use std::time::{Duration, Instant};
// From `std` also under loom: nothing is decided by these numbers.
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::actor::metrics::HandlingTime;

/// Buckets of handling times: the first for up to 128 ns, each of the others for twice as much.
pub(crate) const BUCKETS: usize = 24;
const FIRST_BITS: u32 = 7;

/// One in so many messages is timed: to look at the clock twice takes as long as to handle a small one.
const TIMED: u64 = 64;

/// Counts of one tenant. Only its task writes them.
#[derive(Default)]
pub(crate) struct Meter {
    handled: AtomicU64,
    panics: AtomicU64,
    restarts: AtomicU64,
    dropped: AtomicU64,
    handling: [AtomicU32; BUCKETS],
}

/// Adds to a count of which there is one writer.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

impl Meter {
    pub(crate) fn reset(&self) {
        let counts = [&self.handled, &self.panics, &self.restarts, &self.dropped];
        counts.into_iter().for_each(|count| count.store(0, Ordering::Relaxed));
        self.handling.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
    }

    /// Whether it is to be measured how long the next message is handled.
    #[inline]
    pub(crate) fn is_to_be_timed(&self) -> bool {
        self.handled_so_far().is_multiple_of(TIMED)
    }

    /// A message has been handled, if it was to be timed since then.
    #[inline]
    pub(crate) fn handled(&self, since: Option<Instant>) {
        add(&self.handled, 1);
        if let Some(since) = since {
            self.took(since.elapsed());
        }
    }

    fn took(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bits = (u64::BITS - nanos.leading_zeros()).saturating_sub(FIRST_BITS) as usize;
        let bucket = &self.handling[bits.min(BUCKETS - 1)];
        bucket.store(bucket.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }

    /// A message has become a dead letter.
    pub(crate) fn dropped(&self) {
        add(&self.dropped, 1);
    }

    pub(crate) fn dropped_so_far(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many panics there have been now.
    pub(crate) fn panicked(&self) -> u64 {
        add(&self.panics, 1);
        self.panics()
    }

    /// How many restarts there have been now.
    pub(crate) fn restarted(&self) -> u64 {
        add(&self.restarts, 1);
        self.restarts()
    }

    pub(crate) fn handled_so_far(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    pub(crate) fn handling(&self) -> HandlingTime {
        HandlingTime(self.handling.each_ref().map(|bucket| bucket.load(Ordering::Relaxed)))
    }
}

/// The longest time that falls into this bucket; `None` for the last, which has no limit.
pub(crate) fn limit(bucket: usize) -> Option<Duration> {
    (bucket + 1 < BUCKETS).then(|| Duration::from_nanos((1 << (bucket as u32 + FIRST_BITS)) - 1))
}
