//! One thread that publishes and polls in turn: what both cost where nobody else is in the way.

use std::time::Instant;

use crate::{
    contract::{Open, Poll, Publish, Topology},
    drive::publishing::{Progress, Published},
    entry::Order,
    measurement::Measurement,
    workload::{BATCH, Ledger, Message, Sink},
};

/// Runs the row.
pub fn run<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: Publish, Subscriber: Poll>,
{
    let topology = Topology::of(order);
    let (mut publishers, mut subscribers) = C::open(&topology);
    let publisher = publishers.pop().expect("a publisher");
    let subscriber = subscribers.pop().expect("a subscriber");
    let mut ledger = Ledger::default();
    let start = Instant::now();
    let published = take_turns(publisher, subscriber, &mut ledger, Progress::new(order.stop, 1));
    let seconds = start.elapsed().as_secs_f64();
    ledger.check(&[published.count], order.lossless);
    Measurement { delivered: ledger.received(), ..Published::measured(&[published], seconds) }
}

/// Publishes a few messages, then polls until they are there, until it is time to stop.
fn take_turns<P: Publish, R: Poll>(
    mut publisher: P,
    mut subscriber: R,
    sink: &mut impl Sink,
    mut progress: Progress,
) -> Published {
    while let Some(sequences) = progress.next() {
        for sequence in sequences {
            publisher.publish(Message::new(0, sequence));
            if (sequence + 1).is_multiple_of(BATCH as u64) {
                while subscriber.poll(sink) > 0 {}
            }
        }
    }
    progress.finish()
}
