//! A thread for each publisher, and one thread that polls all subscribers.

use std::{hint, thread, time::Instant};

use crate::{
    contract::{Open, Poll, Publish, Topology},
    drive::{
        meter::{last_end, ledgers},
        publishing::publish_all,
    },
    entry::Order,
    measurement::Measurement,
    workload::{Ledger, Sink},
};

/// Pauses after a round that found nothing: a reader that looks again at once fights the publisher
/// for its line.
const PAUSES: usize = 16;

/// Runs the row.
pub fn run<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: Publish, Subscriber: Poll>,
{
    let topology = Topology::of(order);
    let (publishers, subscribers) = C::open(&topology);
    let pairs = subscribers.into_iter().map(|subscriber| (subscriber, Ledger::default())).collect();
    let poller = thread::spawn({
        let topology = topology.clone();
        move || poll_all(pairs, &topology, PAUSES)
    });
    let (meter, published) = publish_all(publishers, &topology, order.stop, order.row.batch);
    let sinks = poller.join().expect("the polling thread has failed");
    meter.stop(last_end(&sinks), &published, &ledgers(&sinks), order.lossless)
}

/// Polls until everything published has been received; gives back the sinks and the time of the
/// end.
pub fn poll_all<R: Poll, S: Sink>(
    mut pairs: Vec<(R, S)>,
    topology: &Topology,
    pauses: usize,
) -> Vec<(S, Instant)> {
    loop {
        // Before the round: what was published before this was seen is found in the round.
        let finished = topology.finished();
        let found: usize = pairs.iter_mut().map(|(subscriber, sink)| subscriber.poll(sink)).sum();
        if found == 0 {
            if finished {
                break;
            }
            (0..pauses).for_each(|_| hint::spin_loop());
        }
    }
    let end = Instant::now();
    pairs.into_iter().map(|(_, sink)| (sink, end)).collect()
}
