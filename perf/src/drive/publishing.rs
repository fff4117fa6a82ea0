//! Publishing as fast as it goes: on threads, with a deadline looked at every few messages.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    alloc,
    contract::{Publish, Topology},
    drive::meter::Meter,
    measurement::{Measurement, Stop},
    workload::{BATCH, Message},
};

/// Messages between two looks at the clock.
pub const STRIDE: u64 = 256;
/// The same for tasks of which there are many.
const LEAST_STRIDE: u64 = 16;
/// The share of a run after which allocations are counted.
const WARM_UP: f64 = 0.25;

/// What one publisher has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Published {
    /// Messages it published.
    pub count: u64,
    /// Those after its warm-up.
    steady: u64,
    /// Allocations of the whole process while it published those.
    allocations: u64,
}

impl Published {
    /// So many messages, with nothing known about allocations.
    pub fn uncounted(count: u64) -> Self {
        Self { count, ..Self::default() }
    }

    /// Allocations per message in the steady state, seen by the first publisher, over what all of
    /// them published then.
    pub fn allocations_per_message(published: &[Self]) -> f64 {
        let messages: u64 = published.iter().map(|each| each.steady).sum();
        let allocations = published.first().map_or(0, |first| first.allocations);
        allocations as f64 / messages.max(1) as f64
    }

    /// The figures of a run of so many seconds whose results are a time for each message.
    pub fn measured(published: &[Self], seconds: f64) -> Measurement {
        let count: u64 = published.iter().map(|each| each.count).sum();
        Measurement {
            published: count,
            seconds,
            messages_per_second: count as f64 / seconds,
            nanos: Some(seconds * 1e9 / count.max(1) as f64),
            allocations: Self::allocations_per_message(published),
            ..Measurement::default()
        }
    }
}

/// Decides when a publisher is through, and notes where its steady state begins.
pub struct Progress {
    /// When it began.
    start: Instant,
    /// When or after how many messages it stops.
    stop: Stop,
    /// Messages so far.
    count: u64,
    /// Messages and allocations when the warm-up was over.
    warm: Option<(u64, u64)>,
    /// Messages between two looks at the clock.
    stride: u64,
}

impl Progress {
    /// Begins, as one of so many publishers.
    pub fn new(stop: Stop, publishers: usize) -> Self {
        let stop = match stop {
            Stop::Messages(all) => Stop::Messages(all / publishers as u64),
            seconds => seconds,
        };
        Self { start: Instant::now(), stop, count: 0, warm: None, stride: STRIDE }
    }

    /// The same for tasks that wait for each message: they look at the clock so often that many of them, too, do
    /// not overrun.
    pub fn waiting(stop: Stop, tasks: usize) -> Self {
        let stride = (STRIDE / tasks as u64).max(LEAST_STRIDE);
        Self { stride, ..Self::new(stop, tasks) }
    }

    /// The sequences to publish next; none when it is time to stop.
    pub fn next(&mut self) -> Option<std::ops::Range<u64>> {
        let done = self.done();
        if self.warm.is_none() && done >= WARM_UP {
            self.warm = Some((self.count, alloc::count()));
        }
        if done >= 1.0 {
            return None;
        }
        let first = self.count;
        self.count += self.stride;
        Some(first..self.count)
    }

    /// The share of the run that is over.
    fn done(&self) -> f64 {
        match self.stop {
            Stop::Seconds(seconds) => self.start.elapsed().as_secs_f64() / seconds,
            Stop::Messages(messages) => self.count as f64 / messages.max(1) as f64,
        }
    }

    /// Sums up. To be called while everything that was set up for the run is still there.
    pub fn finish(&self) -> Published {
        let (count, allocations) = self.warm.unwrap_or((self.count, alloc::count()));
        Published {
            count: self.count,
            steady: self.count - count,
            allocations: alloc::count() - allocations,
        }
    }
}

/// Runs a thread for each publisher until all are through; gives the meter that began with them.
pub fn publish_all<P: Publish>(
    publishers: Vec<P>,
    topology: &Topology,
    stop: Stop,
    batch: usize,
) -> (Meter, Vec<Published>) {
    let start = Barrier::new(publishers.len() + 1);
    thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> = (0..)
            .zip(publishers)
            .map(|(id, publisher)| {
                scope.spawn(move || work(publisher, id, topology, stop, batch, start))
            })
            .collect();
        let meter = begin(start);
        let published = threads
            .into_iter()
            .map(|thread| thread.join().expect("a publisher has failed"))
            .collect();
        (meter, published)
    })
}

/// Lets everybody off, with a meter that runs from just before.
fn begin(start: &Barrier) -> Meter {
    // Receivers get the time to reach their first wait; publishers stand at the barrier.
    thread::sleep(Duration::from_millis(2));
    let meter = Meter::start();
    start.wait();
    meter
}

/// One publisher's thread. The publisher is dropped at its end, which closes the contender.
fn work<P: Publish>(
    mut publisher: P,
    id: u64,
    topology: &Topology,
    stop: Stop,
    batch: usize,
    start: &Barrier,
) -> Published {
    start.wait();
    let mut progress = Progress::new(stop, topology.publishers);
    let mut gathered = Box::new([Message::default(); BATCH]);
    while let Some(sequences) = progress.next() {
        let messages = sequences.map(|sequence| Message::new(id, sequence));
        match batch {
            1 => publisher.publish_each(messages),
            _ => publish_in_batches(&mut publisher, &mut gathered, messages),
        }
    }
    let published = progress.finish();
    topology.publisher_done();
    published
}

/// Publishes a stride of messages in batches, gathered in `batch`: the same memory every time, for what
/// a copy costs depends on how two places on the stack lie to each other.
fn publish_in_batches<P: Publish>(
    publisher: &mut P,
    batch: &mut [Message; BATCH],
    mut messages: impl Iterator<Item = Message>,
) {
    const { assert!(STRIDE.is_multiple_of(BATCH as u64), "a stride is whole batches") };
    for _ in 0..STRIDE as usize / BATCH {
        batch.iter_mut().zip(&mut messages).for_each(|(place, message)| *place = message);
        publisher.publish_batch(batch);
    }
}
