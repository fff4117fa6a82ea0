//! Paced publishing by the clock, and the histogram of what came of it.
//!
//! Every message carries the time at which it was *meant* to be sent, and latency counts from
//! there: a stall of the publisher or of the channel is seen in all the messages that it delayed,
//! not only in the first (the mistake known as coordinated omission).

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    measurement::Latency,
    workload::{Ledger, Message, Sink},
};

/// The longest latency that is told apart, ten seconds; everything beyond counts as that.
pub const MAX_NANOS: u64 = 10_000_000_000;
/// The share of a run that is not recorded.
const WARM_UP: f64 = 0.2;
/// The percentiles of the curve.
const CURVE: &[f64] = &[1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99];

/// Nanoseconds since the first call in this process.
#[inline]
pub fn now() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    EPOCH.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// When each message is due.
pub struct Schedule {
    /// When the first is.
    start: u64,
    /// Nanoseconds between two.
    interval: u64,
    /// How many there are.
    pub count: u64,
}

impl Schedule {
    /// `pace` messages per second for so long, from a moment after now.
    pub fn new(pace: u64, duration: Duration) -> Self {
        let count = (duration.as_secs_f64() * pace as f64).max(1.0) as u64;
        Self { start: now() + 5_000_000, interval: 1_000_000_000 / pace, count }
    }

    /// When message `sequence` is due.
    pub fn due(&self, sequence: u64) -> u64 {
        self.start + sequence * self.interval
    }

    /// The time from which latency is recorded.
    pub fn warm(&self) -> u64 {
        self.due((self.count as f64 * WARM_UP) as u64)
    }
}

/// Records the latency of every message after warm-up, and keeps the books.
pub struct Stopwatch {
    /// The books.
    ledger: Ledger,
    /// Latencies in nanoseconds, bounded.
    histogram: Histogram<u64>,
    /// Messages due before this are not recorded.
    warm: u64,
}

impl Stopwatch {
    /// Records messages that are due from `warm` on.
    pub fn new(warm: u64) -> Self {
        let histogram = Histogram::new_with_max(MAX_NANOS, 3).expect("valid bounds");
        Self { ledger: Ledger::default(), histogram, warm }
    }

    /// The percentiles.
    pub fn latency(&self) -> Latency {
        percentiles(&self.histogram)
    }
}

/// The percentiles of what is in a histogram.
pub fn percentiles(histogram: &Histogram<u64>) -> Latency {
    let at = |percentile| histogram.value_at_percentile(percentile);
    Latency {
        p50: at(50.0),
        p90: at(90.0),
        p99: at(99.0),
        p999: at(99.9),
        max: histogram.max(),
        curve: CURVE.iter().map(|percentile| (*percentile, at(*percentile))).collect(),
    }
}

impl Sink for Stopwatch {
    #[inline]
    fn take(&mut self, message: &Message) {
        let due = message.payload[0];
        let latency = now().saturating_sub(due);
        if due >= self.warm {
            self.histogram.saturating_record(latency);
        }
        self.ledger.take(message);
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}
