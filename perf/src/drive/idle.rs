//! What waiting subscribers cost while nothing is published.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    contract::{Open, PublishAsync, ReceiveAsync, Threads, Topology},
    drive::runtime::{join_all, runtime, spawn_all},
    entry::Order,
    measurement::Measurement,
    usage,
    workload::Ledger,
};

/// How long nothing is published.
const SILENCE: Duration = Duration::from_secs(2);
/// How long subscribers may take to come to rest.
const SETTLE: Duration = Duration::from_millis(50);

/// Blocked threads, or a router's.
pub fn threads<C: Threads>(order: &Order) -> Measurement {
    let topology = Topology::of(order);
    let (publishers, crew) = C::start(&topology, ledgers(order.row.subscribers));
    let measurement = listen_to_silence();
    topology.publisher_done();
    drop(publishers);
    crew.join();
    measurement
}

/// Waiting tasks.
pub fn tasks<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: PublishAsync, Subscriber: ReceiveAsync>,
{
    let topology = Topology::of(order);
    let runtime = runtime();
    let (publishers, subscribers) = C::open(&topology);
    let receiving = {
        let _runtime = runtime.enter();
        spawn_all(subscribers, ledgers(order.row.subscribers))
    };
    let measurement = listen_to_silence();
    topology.publisher_done();
    drop(publishers);
    runtime.block_on(join_all(receiving));
    measurement
}

/// Books for each subscriber, to stay empty.
fn ledgers(count: usize) -> Vec<Ledger> {
    (0..count).map(|_| Ledger::default()).collect()
}

/// Sleeps, and tells what the process used meanwhile.
fn listen_to_silence() -> Measurement {
    thread::sleep(SETTLE);
    let (start, used) = (Instant::now(), usage::process());
    thread::sleep(SILENCE);
    let seconds = start.elapsed().as_secs_f64();
    let cores = (usage::process() - used).as_secs_f64() / seconds;
    Measurement { seconds, cores, ..Measurement::default() }
}
