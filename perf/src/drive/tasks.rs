//! Everything a task, on two workers.

use tokio::task::{self, JoinHandle};

use crate::{
    contract::{Open, PublishAsync, ReceiveAsync, Topology},
    drive::{
        meter::{Meter, last_end, ledgers},
        publishing::{Progress, Published},
        runtime::{join_all, runtime, spawn_all},
    },
    entry::Order,
    measurement::{Measurement, Stop},
    workload::{Ledger, Message},
};

/// Runs the row.
pub fn run<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: PublishAsync, Subscriber: ReceiveAsync>,
{
    runtime().block_on(run_on_runtime::<C>(order))
}

/// Runs the row, on the runtime.
async fn run_on_runtime<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: PublishAsync, Subscriber: ReceiveAsync>,
{
    let topology = Topology::of(order);
    let (publishers, subscribers) = C::open(&topology);
    let sinks = (0..topology.subscribers).map(|_| Ledger::default()).collect();
    let receiving = spawn_all(subscribers, sinks);
    let meter = Meter::start();
    let publishing = spawn_publishers(publishers, &topology, order.stop);
    let mut published = Vec::new();
    for task in publishing {
        published.push(task.await.expect("a publisher's task has failed"));
    }
    let sinks = join_all(receiving).await;
    meter.stop(last_end(&sinks), &published, &ledgers(&sinks), order.lossless)
}

/// Spawns a task for each publisher.
fn spawn_publishers<P: PublishAsync>(
    publishers: Vec<P>,
    topology: &Topology,
    stop: Stop,
) -> Vec<JoinHandle<Published>> {
    let spawn = |(id, publisher)| tokio::spawn(publish(publisher, id, topology.clone(), stop));
    (0..).zip(publishers).map(spawn).collect()
}

/// One publisher's task. It yields after each stride: a task that is never waiting for anything (a
/// publisher of an unbounded or lossy channel) would otherwise keep its worker from the subscribers
/// that it has woken.
async fn publish<P: PublishAsync>(
    mut publisher: P,
    id: u64,
    topology: Topology,
    stop: Stop,
) -> Published {
    let mut progress = Progress::new(stop, topology.publishers);
    while let Some(sequences) = progress.next() {
        for sequence in sequences {
            publisher.publish(Message::new(id, sequence)).await;
        }
        task::yield_now().await;
    }
    let published = progress.finish();
    topology.publisher_done();
    published
}
