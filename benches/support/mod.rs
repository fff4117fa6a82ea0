//! What the benches share: the engines, and how a fan-out is run and measured.
//!
//! One iteration is one message, whatever the number of publishers: criterion's "elem/s" are messages
//! per second, each of which reaches every reader.

#![allow(dead_code)] // every bench uses a part of this module

mod engines;

use std::{
    iter,
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use tokio::{runtime::Runtime, task::JoinSet};

pub use engines::*;

pub type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Numbers of publishers and of readers.
pub type Shape = (usize, usize);

pub const SHAPES: [Shape; 5] = [(1, 1), (1, 4), (1, 16), (2, 4), (4, 4)];

/// A message of 64 bytes.
pub type Cell = [u64; 8];

/// Short runs; the command line can ask for longer ones.
pub fn config() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(600))
}

/// A group whose iterations are messages.
pub fn group<'a>(c: &'a mut Criterion, name: &str) -> Group<'a> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group
}

/// Measures `E` with a thread for each publisher and each reader. Publishers publish `batch` at a time.
pub fn threads<E: Engine<Cell>>(group: &mut Group<'_>, shape: Shape, batch: u64) {
    group.bench_function(E::NAME, |b| b.iter_custom(|n| run_threads::<E>(shape, batch, n)));
}

/// Measures `E` with a task for each publisher and each reader.
pub fn tasks<E: TaskEngine<Cell>>(group: &mut Group<'_>, shape: Shape, runtime: &Runtime) {
    group.bench_function(E::NAME, |b| b.iter_custom(|n| run_tasks::<E>(shape, runtime, n)));
}

fn run_threads<E: Engine<Cell>>((from, to): Shape, batch: u64, messages: u64) -> Duration {
    let (publisher, readers) = E::open(to);
    let start = Instant::now();
    thread::scope(|scope| {
        for mut reader in readers {
            scope.spawn(move || {
                let mut received = 0;
                while let Some(count) = E::recv(&mut reader) {
                    received += count;
                }
                check::<E>(received, messages);
            });
        }
        for part in parts(messages, from) {
            let publisher = publisher.clone();
            scope.spawn(move || publish_part::<E>(&publisher, part, batch));
        }
        drop(publisher);
    });
    start.elapsed()
}

fn run_tasks<E: TaskEngine<Cell>>((from, to): Shape, runtime: &Runtime, messages: u64) -> Duration {
    let (publisher, readers) = E::open(to);
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for mut reader in readers {
        let read = async move {
            let mut received = 0;
            while let Some(count) = E::recv_async(&mut reader).await {
                received += count;
            }
            check::<E>(received, messages);
        };
        tasks.spawn_on(read, runtime.handle());
    }
    for part in parts(messages, from) {
        let publisher = publisher.clone();
        let publish = async move {
            for n in part {
                E::publish_async(&publisher, [n; 8]).await;
            }
        };
        tasks.spawn_on(publish, runtime.handle());
    }
    drop(publisher);
    runtime.block_on(tasks.join_all());
    start.elapsed()
}

/// What each of `publishers` publishes.
fn parts(messages: u64, publishers: usize) -> impl Iterator<Item = Range<u64>> {
    let count = publishers as u64;
    (0..count).map(move |n| messages * n / count..messages * (n + 1) / count)
}

fn publish_part<E: Engine<Cell>>(publisher: &E::Publisher, part: Range<u64>, batch: u64) {
    if batch == 1 {
        return part.for_each(|n| E::publish(publisher, [n; 8]));
    }
    for n in part.clone().step_by(batch as usize) {
        let size = batch.min(part.end - n);
        E::publish_batch(publisher, iter::repeat_n([n; 8], size as usize));
    }
}

/// A reader that loses nothing has received everything.
fn check<E: Engine<Cell>>(received: u64, messages: u64) {
    assert!(E::IS_LOSSY || received == messages, "{}: {received} of {messages}", E::NAME);
}
