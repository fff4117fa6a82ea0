//! Latency at a fixed pace: one publisher, one subscriber that polls, blocks, or is a task.

use std::{
    hint, thread,
    time::{Duration, Instant},
};

use tokio::task;

use crate::{
    contract::{Open, Poll, Publish, PublishAsync, ReceiveAsync, Threads, Topology},
    drive::{
        meter::Meter,
        pace::{Schedule, Stopwatch, now},
        poll::poll_all,
        publishing::Published,
        runtime::{join_all, runtime, spawn_all},
    },
    entry::Order,
    measurement::Measurement,
    usage,
    workload::{Message, Sink},
};

/// Pauses of a poller that is after latency.
const PAUSES: usize = 1;
/// The messages that a run has at least, so that a slow pace has percentiles too.
const MIN_MESSAGES: f64 = 1_000.0;

/// To a polling thread.
pub fn polling<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: Publish, Subscriber: Poll>,
{
    let topology = Topology::of(order);
    let schedule = schedule(order);
    let (mut publishers, subscribers) = C::open(&topology);
    let pairs =
        subscribers.into_iter().map(|each| (each, Stopwatch::new(schedule.warm()))).collect();
    let poller = thread::spawn({
        let topology = topology.clone();
        move || poll_all(pairs, &topology, PAUSES)
    });
    let meter = Meter::start();
    let publisher = publishers.pop().expect("a publisher");
    let (published, used) = publish(publisher, &schedule, &topology);
    let sinks = poller.join().expect("the polling thread has failed");
    sum_up(meter, published, used, &sinks, order.lossless)
}

/// To a thread that blocks.
pub fn blocking<C: Threads>(order: &Order) -> Measurement {
    let topology = Topology::of(order);
    let schedule = schedule(order);
    let (mut publishers, crew) = C::start(&topology, vec![Stopwatch::new(schedule.warm())]);
    let meter = Meter::start();
    let publisher = publishers.pop().expect("a publisher");
    let (published, used) = publish(publisher, &schedule, &topology);
    let sinks = crew.join();
    sum_up(meter, published, used, &sinks, order.lossless)
}

/// To a task, from a task that yields to the others until a message is due.
pub fn tasks<C>(order: &Order) -> Measurement
where
    C: Open<Publisher: PublishAsync, Subscriber: ReceiveAsync>,
{
    runtime().block_on(async {
        let topology = Topology::of(order);
        let (mut publishers, subscribers) = C::open(&topology);
        let schedule = schedule(order);
        let receiving = spawn_all(subscribers, vec![Stopwatch::new(schedule.warm())]);
        let meter = Meter::start();
        let publisher = publishers.pop().expect("a publisher");
        let publishing = tokio::spawn(publish_async(publisher, schedule, topology));
        let published = publishing.await.expect("the publisher's task has failed");
        let sinks = join_all(receiving).await;
        sum_up(meter, published, Duration::ZERO, &sinks, order.lossless)
    })
}

/// When the messages of a row are due.
fn schedule(order: &Order) -> Schedule {
    let pace = order.row.pace;
    let least = Duration::from_secs_f64(MIN_MESSAGES / pace as f64);
    Schedule::new(pace, order.stop.duration().max(least))
}

/// Publishes by the clock, spinning; gives the messages and the processor time used.
fn publish<P: Publish>(
    mut publisher: P,
    schedule: &Schedule,
    topology: &Topology,
) -> (Published, Duration) {
    let used = usage::thread();
    for sequence in 0..schedule.count {
        let due = schedule.due(sequence);
        while now() < due {
            hint::spin_loop();
        }
        publisher.publish(Message::stamped(0, sequence, due));
    }
    topology.publisher_done();
    drop(publisher);
    (Published::uncounted(schedule.count), usage::thread() - used)
}

/// The same in a task.
async fn publish_async<P: PublishAsync>(
    mut publisher: P,
    schedule: Schedule,
    topology: Topology,
) -> Published {
    for sequence in 0..schedule.count {
        let due = schedule.due(sequence);
        while now() < due {
            task::yield_now().await;
        }
        publisher.publish(Message::stamped(0, sequence, due)).await;
    }
    topology.publisher_done();
    Published::uncounted(schedule.count)
}

/// The figures of a run, without the processor time of a publisher that spins by the clock.
fn sum_up(
    meter: Meter,
    published: Published,
    publisher: Duration,
    sinks: &[(Stopwatch, Instant)],
    lossless: bool,
) -> Measurement {
    let (stopwatch, end) = &sinks[0];
    let measurement = meter.stop(*end, &[published], &[stopwatch.ledger()], lossless);
    let cores = measurement.cores - publisher.as_secs_f64() / measurement.seconds;
    Measurement { cores: cores.max(0.0), latency: Some(stopwatch.latency()), ..measurement }
}
