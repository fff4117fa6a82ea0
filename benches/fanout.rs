//! Threads to threads: every subscriber gets every message. Each engine is used as people use it.

mod support;

use std::{hint::black_box, sync::RwLock, thread};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::Bus;
use support::{CAPACITY, Message};
use tokio::sync::{broadcast, mpsc};

/// Messages of one run, over all publishers.
const COUNT: usize = 16_384;

/// Runs `publishers` copies of `publish` (a thread each) and one thread per reader.
fn run<P: Send, R: Send>(
    publishers: Vec<P>,
    readers: Vec<R>,
    publish: impl Fn(&P, Message) + Sync,
    read: impl Fn(R) + Sync,
) {
    let each = COUNT / publishers.len();
    let (publish, read) = (&publish, &read);
    thread::scope(|scope| {
        for reader in readers {
            scope.spawn(move || read(reader));
        }
        for publisher in publishers {
            scope.spawn(move || (0..each).for_each(|n| publish(&publisher, [n as u64; 8])));
        }
    });
}

fn stentor(from: usize, to: usize) {
    let bus = Bus::new(CAPACITY);
    let readers: Vec<_> = (0..to).map(|_| bus.subscribe()).collect();
    let publishers: Vec<_> = (0..from).map(|_| bus.publisher()).collect();
    run(
        publishers,
        readers,
        |publisher, message| assert!(publisher.publish(message).is_ok()),
        |mut reader| {
            while let Ok(batch) = reader.read(256) {
                batch.iter().for_each(|message| {
                    black_box(message);
                });
            }
        },
    );
}

fn crossbeam(from: usize, to: usize) {
    let (senders, readers): (Vec<_>, Vec<_>) =
        (0..to).map(|_| crossbeam_channel::bounded(CAPACITY)).unzip();
    let publishers = vec![senders; from];
    run(
        publishers,
        readers,
        |senders, message| senders.iter().for_each(|s| s.send(message).unwrap()),
        |reader| {
            reader.iter().for_each(|message| {
                black_box(message);
            })
        },
    );
}

fn tokio_mpsc(from: usize, to: usize) {
    let (senders, readers): (Vec<_>, Vec<_>) = (0..to).map(|_| mpsc::channel(CAPACITY)).unzip();
    run(
        vec![senders; from],
        readers,
        |senders, message| senders.iter().for_each(|s| s.blocking_send(message).unwrap()),
        |mut reader| {
            while let Some(message) = reader.blocking_recv() {
                black_box(message);
            }
        },
    );
}

/// Tokio's broadcast never waits for a reader: what a reader missed is missing, not slower.
fn tokio_broadcast(from: usize, to: usize) {
    let (sender, first) = broadcast::channel(CAPACITY);
    let readers: Vec<_> = (0..to).map(|_| sender.subscribe()).collect();
    drop(first);
    let publishers = vec![sender; from];
    run(
        publishers,
        readers,
        |sender, message| {
            let _ = sender.send(message);
        },
        |mut reader| {
            while !matches!(reader.blocking_recv(), Err(broadcast::error::RecvError::Closed)) {}
        },
    );
}

/// The reference design: a lock, a clone and an unbounded queue per subscriber.
fn reference(from: usize, to: usize) {
    let (senders, readers): (Vec<_>, Vec<_>) = (0..to).map(|_| mpsc::unbounded_channel()).unzip();
    let list = std::sync::Arc::new(RwLock::new(senders));
    let publishers = vec![list; from];
    run(
        publishers,
        readers,
        |list, message| list.read().unwrap().iter().for_each(|s| s.send(message).unwrap()),
        |mut reader| {
            while let Some(message) = reader.blocking_recv() {
                black_box(message);
            }
        },
    );
}

fn fanout(c: &mut Criterion) {
    type Engine = (&'static str, fn(usize, usize));
    let engines: [Engine; 5] = [
        ("stentor", stentor),
        ("crossbeam-channel", crossbeam),
        ("tokio mpsc", tokio_mpsc),
        ("tokio broadcast (lossy)", tokio_broadcast),
        ("reference", reference),
    ];
    for (from, to) in [(1, 1), (1, 4), (1, 16), (2, 4), (4, 4)] {
        let mut group = support::group(c, &format!("fanout/{from}->{to}"));
        for (name, engine) in engines {
            group.bench_function(name, |b| {
                b.iter_custom(|iters| support::scaled(iters, COUNT as u64, || engine(from, to)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, fanout);
criterion_main!(benches);
