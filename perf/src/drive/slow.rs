//! One subscriber that is far too slow, and three others: what the others get.

use std::{
    hint,
    time::{Duration, Instant},
};

use crate::{
    contract::{Threads, Topology},
    drive::{
        meter::{last_end, ledgers},
        publishing::{Published, publish_all},
    },
    entry::Order,
    measurement::Measurement,
    workload::{Ledger, Message, Sink},
};

/// What the slow subscriber does for each message: thirty times what a fast one has (33 ns at 30
/// M/s).
const WORK: Duration = Duration::from_micros(1);

/// A subscriber's books, and what it takes its time for.
struct Worker {
    /// The books.
    ledger: Ledger,
    /// Work for each message.
    work: Duration,
}

impl Sink for Worker {
    #[inline]
    fn take(&mut self, message: &Message) {
        self.ledger.take(message);
        if !self.work.is_zero() {
            keep_busy(self.work);
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

/// Keeps the processor busy.
fn keep_busy(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        hint::spin_loop();
    }
}

/// Runs the row. The last subscriber is the slow one; the figures are those of the others.
pub fn run<C: Threads>(order: &Order) -> Measurement {
    let topology = Topology::of(order);
    let (publishers, crew) = C::start(&topology, workers(topology.subscribers));
    let (meter, published) = publish_all(publishers, &topology, order.stop, order.row.batch);
    let mut sinks = crew.join();
    let (slow, _) = sinks.pop().expect("a slow subscriber");
    let measurement = meter.stop(last_end(&sinks), &published, &ledgers(&sinks), order.lossless);
    Measurement { slow_lost: Some(share_lost(&slow.ledger, &published)), ..measurement }
}

/// Workers of which the last is slow.
fn workers(count: usize) -> Vec<Worker> {
    let worker = |index| Worker {
        ledger: Ledger::default(),
        work: if index + 1 == count { WORK } else { Duration::ZERO },
    };
    (0..count).map(worker).collect()
}

/// The share of what was published that is not in the books.
fn share_lost(ledger: &Ledger, published: &[Published]) -> f64 {
    let published: u64 = published.iter().map(|each| each.count).sum();
    1.0 - ledger.received() as f64 / published.max(1) as f64
}
