//! Handlers on one router thread, from 4 to 256, and two publishers; beside a loop of one's own that polls.

mod support;

use std::{hint::black_box, thread, time::Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::{Bus, Drain, Router, Subscriber};
use support::{CAPACITY, Cell};

/// Publishes so many messages from so many threads, and waits for them.
fn publish(bus: &Bus<Cell>, from: usize, messages: u64) {
    thread::scope(|scope| {
        for _ in 0..from {
            let publisher = bus.publisher();
            scope.spawn(move || {
                (0..messages / from as u64).for_each(|n| publisher.publish([n; 8]).unwrap());
            });
        }
    });
}

fn router(from: usize, to: usize, messages: u64) {
    let bus = Bus::new(CAPACITY);
    let open = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    for _ in 0..to {
        router.handle("h", |message| {
            black_box(message);
        });
    }
    publish(&bus, from, messages);
    router.shutdown(Drain::Yes);
    drop(open);
}

fn polled(from: usize, to: usize, messages: u64) {
    let bus = Bus::new(CAPACITY);
    let mut readers: Vec<_> = (0..to).map(|_| bus.subscribe()).collect();
    thread::scope(|scope| {
        scope.spawn(move || {
            // Each is polled in every round, so no `any` that stops at the first.
            while readers.iter_mut().map(poll).fold(false, |left, open| left | open) {}
        });
        publish(&bus, from, messages);
    });
}

/// Reads what is there; false when there will be no more.
fn poll(reader: &mut Subscriber<Cell>) -> bool {
    match reader.try_read(256) {
        Ok(batch) => batch.iter().for_each(|message| {
            black_box(message);
        }),
        Err(error) => return error != stentor::TryRecvError::Closed,
    }
    true
}

fn benches(c: &mut Criterion) {
    type Engine = (&'static str, fn(usize, usize, u64));
    let engines: [Engine; 2] = [("router", router), ("polled", polled)];
    for (from, to) in [(1, 1), (1, 4), (1, 16), (1, 64), (1, 256), (2, 4)] {
        let mut group = support::group(c, &format!("router/{from}->{to}"));
        for (name, engine) in engines {
            group.bench_function(name, |b| {
                b.iter_custom(|messages| {
                    let start = Instant::now();
                    engine(from, to, messages);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
    adding(c);
}

/// Adding a handler to a running router, and removing it.
fn adding(c: &mut Criterion) {
    let bus = Bus::<Cell>::new(CAPACITY);
    let router = Router::builder(&bus).start().unwrap();
    let mut group = support::group(c, "router/add and remove");
    group.bench_function("router", |b| b.iter(|| router.handle("guest", |_| {}).remove()));
    group.finish();
}

criterion_group!(name = all; config = support::config(); targets = benches);
criterion_main!(all);
