//! Measures one run: time, processor time, and what came of it.

use std::time::{Duration, Instant};

use crate::{
    drive::publishing::Published,
    measurement::Measurement,
    usage,
    workload::{Ledger, Sink},
};

/// A run under way.
pub struct Meter {
    /// When it began.
    start: Instant,
    /// Processor time used before it.
    used: Duration,
}

impl Meter {
    /// Begins.
    pub fn start() -> Self {
        Self { used: usage::process(), start: Instant::now() }
    }

    /// Ends at `end`: what was published and what arrived, in figures.
    ///
    /// # Panics
    ///
    /// If a lossless contender has lost anything.
    pub fn stop(
        self,
        end: Instant,
        published: &[Published],
        ledgers: &[&Ledger],
        lossless: bool,
    ) -> Measurement {
        let counts: Vec<u64> = published.iter().map(|each| each.count).collect();
        for ledger in ledgers {
            ledger.check(&counts, lossless);
        }
        let delivered: u64 = ledgers.iter().map(|ledger| ledger.received()).sum();
        self.figures(end, published, delivered, ledgers.len())
    }

    /// The figures of a run that ended at `end`: what was published, and delivered to so many subscribers.
    pub fn figures(
        self,
        end: Instant,
        published: &[Published],
        delivered: u64,
        subscribers: usize,
    ) -> Measurement {
        let used = usage::process() - self.used;
        let elapsed = self.start.elapsed().as_secs_f64();
        let seconds = end.duration_since(self.start).as_secs_f64();
        let published_in_all: u64 = published.iter().map(|each| each.count).sum();
        let owed = published_in_all * subscribers as u64;
        Measurement {
            published: published_in_all,
            delivered,
            seconds,
            messages_per_second: delivered as f64 / subscribers as f64 / seconds,
            deliveries_per_second: delivered as f64 / seconds,
            lost: 1.0 - delivered as f64 / owed.max(1) as f64,
            allocations: Published::allocations_per_message(published),
            cores: used.as_secs_f64() / elapsed,
            ..Measurement::default()
        }
    }
}

/// The ledgers of some sinks.
pub fn ledgers<S: Sink>(sinks: &[(S, Instant)]) -> Vec<&Ledger> {
    sinks.iter().map(|(sink, _)| sink.ledger()).collect()
}

/// When the last of some receivers ended.
pub fn last_end<S>(sinks: &[(S, Instant)]) -> Instant {
    sinks.iter().map(|(_, end)| *end).max().expect("at least one receiver")
}
