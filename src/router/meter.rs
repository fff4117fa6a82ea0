//! Numbers that one thread writes and others look at, and the time between two calls.

use std::time::Duration;

use crate::router::record::Record;
use crate::router::station::Station;
use crate::sync::{AtomicU64, Instant, Ordering};

/// A number that one thread at a time writes. Relaxed throughout: it says nothing of other memory.
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Only the one writer may call this: it is no locked instruction.
    #[inline(always)]
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Nanoseconds since the router began; never 0, which stands for "not at the moment".
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        (self.0.elapsed().as_nanos() as u64).max(1)
    }

    /// How long ago that was; `None` for 0.
    pub(crate) fn since(&self, then: u64) -> Option<Duration> {
        (then != 0).then(|| Duration::from_nanos(self.now().saturating_sub(then)))
    }
}

/// The clock of one turn. It is read when the first handler of the turn has work, and after each that
/// had: a turn that finds nothing reads no clock, and no message has a reading of its own. A reading is
/// some 38 ns (two virtual cores of an AMD EPYC), which a batch of 256 messages shares.
pub(crate) struct Lap<'a> {
    clock: &'a Clock,
    station: &'a Station,
    /// The last reading; 0 before the first.
    now: u64,
}

impl<'a> Lap<'a> {
    #[inline(always)]
    pub(crate) fn new(clock: &'a Clock, station: &'a Station) -> Self {
        Self { clock, station, now: 0 }
    }

    /// A handler is about to be called.
    #[inline(always)]
    pub(crate) fn begin(&mut self, record: &Record) {
        if self.now == 0 {
            self.now = self.clock.now();
            self.station.turn_since.set(self.now);
        }
        record.counters.busy_since.set(self.now);
    }

    /// The handler has returned.
    #[inline(always)]
    pub(crate) fn end(&mut self, record: &Record) {
        let began = std::mem::replace(&mut self.now, self.clock.now());
        let took = self.now.wrapping_sub(began);
        record.counters.busy.add(took);
        record.counters.busy_since.set(0);
        record.counters.moved.set(self.now);
        self.station.busy.add(took);
    }
}

impl Drop for Lap<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.now != 0 {
            self.station.turn_since.set(0);
        }
    }
}
