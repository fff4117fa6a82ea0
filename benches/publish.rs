//! One thread, no contention: what a publish costs with nobody there, and with one subscriber
//! that the same thread drains.

mod support;

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::Bus;

/// Messages of one run.
const COUNT: u64 = 65_536;

fn payload<T: Send + Sync + 'static>(c: &mut Criterion, name: &str, make: impl Fn() -> T) {
    let mut group = support::group(c, &format!("publish/{name}"));
    let bus = Bus::new(support::CAPACITY);
    let publisher = bus.publisher();
    group.bench_function("nobody", |b| {
        b.iter_custom(|iters| {
            support::scaled(iters, COUNT, || {
                for _ in 0..COUNT {
                    assert!(publisher.try_publish(make()).is_ok());
                }
            })
        });
    });
    let mut subscriber = bus.subscribe();
    group.bench_function("one drained", |b| {
        b.iter_custom(|iters| {
            support::scaled(iters, COUNT, || {
                for n in 1..=COUNT {
                    assert!(publisher.try_publish(make()).is_ok());
                    if n % 64 == 0 {
                        while let Ok(batch) = subscriber.try_read(64) {
                            black_box(batch.iter().count());
                        }
                    }
                }
            })
        });
    });
    group.finish();
}

fn publish(c: &mut Criterion) {
    payload(c, "8 B", || black_box(1u64));
    payload(c, "64 B", || black_box([1u64; 8]));
    payload(c, "256 B", || black_box([1u64; 32]));
    payload(c, "String", || String::from(black_box("a short message")));
    let shared = Arc::new([1u64; 8]);
    payload(c, "Arc", move || Arc::clone(&shared));
}

criterion_group!(benches, publish);
criterion_main!(benches);
