//! Adding and removing a thousand handlers a second, against a control thread that only sleeps.

use std::thread;

use crate::{
    contract::{Adds, Topology},
    drive::{
        churn::{compare, disturb},
        meter::{last_end, ledgers},
        publishing::publish_all,
    },
    entry::Order,
    measurement::Measurement,
    workload::Ledger,
};

/// Runs the row.
pub fn run<C: Adds>(order: &Order) -> Measurement {
    compare(order, |add| leg::<C>(order, add))
}

/// One run.
fn leg<C: Adds>(order: &Order, add: bool) -> Measurement {
    let topology = Topology::of(order);
    let sinks = (0..topology.subscribers).map(|_| Ledger::default()).collect();
    let (publishers, crew, handle) = C::start_for_adds(&topology, sinks);
    let disturber = thread::spawn({
        let topology = topology.clone();
        move || {
            disturb(|| C::add(&handle), add, &topology);
            handle
        }
    });
    let (meter, published) = publish_all(publishers, &topology, order.stop, order.row.batch);
    let handle = disturber.join().expect("the adding thread has failed");
    let sinks = crew.join();
    drop(handle);
    meter.stop(last_end(&sinks), &published, &ledgers(&sinks), order.lossless)
}
