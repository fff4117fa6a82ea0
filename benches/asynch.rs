//! Tasks on two tokio workers: every subscriber gets every message.

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::Bus;
use support::CAPACITY;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{broadcast, mpsc},
    task::JoinSet,
};

/// Messages of one run.
const COUNT: u64 = 16_384;

fn stentor(runtime: &Runtime, to: usize) {
    let bus = Bus::new(CAPACITY);
    let publisher = bus.publisher();
    let mut tasks = JoinSet::new();
    for _ in 0..to {
        let mut reader = bus.subscribe();
        let read = async move {
            while let Ok(m) = reader.recv_async().await {
                black_box::<support::Message>(m);
            }
        };
        tasks.spawn_on(read, runtime.handle());
    }
    let publish = async move {
        for n in 0..COUNT {
            assert!(publisher.publish_async([n; 8]).await.is_ok());
        }
    };
    tasks.spawn_on(publish, runtime.handle());
    runtime.block_on(tasks.join_all());
}

fn tokio_mpsc(runtime: &Runtime, to: usize) {
    let mut tasks = JoinSet::new();
    let mut senders = Vec::new();
    for _ in 0..to {
        let (sender, mut reader) = mpsc::channel::<support::Message>(CAPACITY);
        senders.push(sender);
        let read = async move {
            while let Some(m) = reader.recv().await {
                black_box(m);
            }
        };
        tasks.spawn_on(read, runtime.handle());
    }
    let publish = async move {
        for n in 0..COUNT {
            for sender in &senders {
                sender.send([n; 8]).await.unwrap();
            }
        }
    };
    tasks.spawn_on(publish, runtime.handle());
    runtime.block_on(tasks.join_all());
}

/// Tokio's broadcast never waits for a reader: what a reader missed is missing, not slower.
fn tokio_broadcast(runtime: &Runtime, to: usize) {
    let (sender, _) = broadcast::channel::<support::Message>(CAPACITY);
    let mut tasks = JoinSet::new();
    for _ in 0..to {
        let mut reader = sender.subscribe();
        let read = async move {
            while !matches!(reader.recv().await, Err(broadcast::error::RecvError::Closed)) {}
        };
        tasks.spawn_on(read, runtime.handle());
    }
    let publish = async move {
        for n in 0..COUNT {
            let _ = sender.send([n; 8]);
        }
    };
    tasks.spawn_on(publish, runtime.handle());
    runtime.block_on(tasks.join_all());
}

fn asynch(c: &mut Criterion) {
    type Engine = (&'static str, fn(&Runtime, usize));
    let engines: [Engine; 3] = [
        ("stentor", stentor),
        ("tokio mpsc", tokio_mpsc),
        ("tokio broadcast (lossy)", tokio_broadcast),
    ];
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for to in [1, 4] {
        let mut group = support::group(c, &format!("async/1->{to}"));
        for (name, engine) in engines {
            group.bench_function(name, |b| {
                b.iter_custom(|iters| support::scaled(iters, COUNT, || engine(&runtime, to)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, asynch);
criterion_main!(benches);
