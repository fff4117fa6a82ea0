//! One publishing and one reading thread, in batches of 1, 8 and 64.

mod support;

use std::{hint::black_box, thread};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::Bus;

/// Messages of one run.
const COUNT: usize = 131_072;

fn run(size: usize) {
    let bus = Bus::new(support::CAPACITY);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(batch) = subscriber.read(size) {
                for message in &batch {
                    black_box(message);
                }
            }
        });
        for _ in 0..COUNT / size {
            let messages: support::Message = [1; 8];
            assert!(publisher.publish_batch((0..size).map(|_| messages)).is_ok());
        }
        drop(publisher);
    });
}

fn batch(c: &mut Criterion) {
    let mut group = support::group(c, "batch");
    for size in [1, 8, 64] {
        group.bench_function(size.to_string(), |b| {
            b.iter_custom(|iters| support::scaled(iters, COUNT as u64, || run(size)));
        });
    }
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
