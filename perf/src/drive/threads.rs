//! A thread for each publisher and each subscriber.

use crate::{
    contract::{Threads, Topology},
    drive::{
        meter::{last_end, ledgers},
        publishing::publish_all,
    },
    entry::Order,
    measurement::Measurement,
    workload::Ledger,
};

/// Runs the row.
pub fn run<C: Threads>(order: &Order) -> Measurement {
    let topology = Topology::of(order);
    let sinks = (0..topology.subscribers).map(|_| Ledger::default()).collect();
    let (publishers, crew) = C::start(&topology, sinks);
    let (meter, published) = publish_all(publishers, &topology, order.stop, order.row.batch);
    let sinks = crew.join();
    meter.stop(last_end(&sinks), &published, &ledgers(&sinks), order.lossless)
}
