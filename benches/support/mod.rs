//! What the benches share: the message, the engines they compare, and a run with a fixed count.

#![allow(dead_code)] // every bench uses a part of this file

use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

/// Slots of every ring, and of every queue of the engines we compare with.
pub const CAPACITY: usize = 1024;

/// A message of 64 bytes.
pub type Message = [u64; 8];

/// A group that reports messages per second and is done within seconds.
pub fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .throughput(Throughput::Elements(1));
    group
}

/// Time for `iters` messages, taken from `run`, which moves exactly `count` of them.
pub fn scaled(iters: u64, count: u64, mut run: impl FnMut()) -> Duration {
    let rounds = iters.div_ceil(count).min(4);
    let start = Instant::now();
    for _ in 0..rounds {
        run();
    }
    start.elapsed().mul_f64(iters as f64 / (rounds * count) as f64)
}
