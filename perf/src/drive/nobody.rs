//! One publisher that nobody listens to.

use crate::{
    contract::{Open, Publish, Topology},
    drive::publishing::{Published, publish_all},
    entry::Order,
    measurement::Measurement,
};

/// Runs the row.
pub fn run<C: Open<Publisher: Publish>>(order: &Order) -> Measurement {
    let topology = Topology::of(order);
    // The subscribers, though none, live until the end.
    let (publishers, _subscribers) = C::open(&topology);
    let start = std::time::Instant::now();
    let (_, published) = publish_all(publishers, &topology, order.stop, order.row.batch);
    let seconds = start.elapsed().as_secs_f64();
    Published::measured(&published, seconds)
}
