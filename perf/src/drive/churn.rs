//! Subscribing and unsubscribing a thousand times a second, against a control thread that only
//! sleeps.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    contract::{Churn, Open, Publish, Receive, Topology},
    crew::Crew,
    drive::{
        meter::{last_end, ledgers},
        publishing::publish_all,
    },
    entry::Order,
    measurement::Measurement,
    workload::Ledger,
};

/// The time between two subscriptions.
const INTERVAL: Duration = Duration::from_millis(1);

/// Runs the row.
pub fn run<C>(order: &Order) -> Measurement
where
    C: Churn + Open<Publisher: Publish, Subscriber: Receive>,
{
    compare(order, |churn| leg::<C>(order, churn))
}

/// Control, churn, churn, control, one after the other, so that a drift of the machine cancels out.
pub fn compare(order: &Order, leg: impl Fn(bool) -> Measurement) -> Measurement {
    let [first, churned, again, last] = [false, true, true, false].map(leg);
    let control = (first.messages_per_second + last.messages_per_second) / 2.0;
    let rate = (churned.messages_per_second + again.messages_per_second) / 2.0;
    Measurement {
        messages_per_second: rate,
        deliveries_per_second: rate * order.row.subscribers as f64,
        ratio: Some(rate / control),
        ..churned
    }
}

/// One run.
fn leg<C>(order: &Order, churn: bool) -> Measurement
where
    C: Churn + Open<Publisher: Publish, Subscriber: Receive>,
{
    let topology = Topology::of(order);
    let (publishers, subscribers, handle) = C::open_for_churn(&topology);
    let crew =
        Crew::hire(subscribers, (0..topology.subscribers).map(|_| Ledger::default()).collect());
    let disturber = thread::spawn({
        let topology = topology.clone();
        move || disturb(|| C::churn(&handle), churn, &topology)
    });
    let (meter, published) = publish_all(publishers, &topology, order.stop, order.row.batch);
    disturber.join().expect("the churning thread has failed");
    let sinks = crew.join();
    meter.stop(last_end(&sinks), &published, &ledgers(&sinks), order.lossless)
}

/// Subscribes and unsubscribes, or only sleeps, until the publishers are through. Sleeps towards a
/// fixed schedule, so that the time a subscription takes does not thin the others out.
pub fn disturb(mut subscribe: impl FnMut(), churn: bool, topology: &Topology) {
    let mut due = Instant::now();
    while !topology.finished() {
        due += INTERVAL;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if churn {
            subscribe();
        }
    }
}
