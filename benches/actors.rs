//! Actors on an in-memory broker: telling, asking, spawning, the memory of idle ones, and allocations.

mod support;

use std::alloc::{GlobalAlloc, Layout, System as Malloc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::{
    Actor, ActorAddress, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, MessageEnvelope,
    SpawnOptions, SystemConfig,
};
use support::CAPACITY;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

const LONG: Duration = Duration::from_secs(60);

type Broker = InMemoryMessageBroker<u64>;
type System = ActorSystem<u64, Broker>;

/// Counts the bytes that are held, and allocations.
struct Held(AtomicUsize, AtomicU64);

// SAFETY: everything is `System`'s; the counters neither allocate nor have a destructor.
unsafe impl GlobalAlloc for Held {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(layout.size(), Ordering::Relaxed);
        self.1.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { Malloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.0.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { Malloc.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HELD: Held = Held(AtomicUsize::new(0), AtomicU64::new(0));

/// What actors have been told, together.
#[derive(Default)]
struct Told {
    expected: AtomicU64,
    count: AtomicU64,
    all: Notify,
}

/// Counts what it is told.
struct Counter {
    told: Arc<Told>,
    /// It alone is told, so it need not share its count.
    is_alone: bool,
    count: u64,
}

impl Actor<u64, Broker> for Counter {
    async fn handle(&mut self, _: MessageEnvelope<u64>, _: &mut ActorContext<u64, Broker>) {
        self.count = match self.is_alone {
            true => self.count + 1,
            false => self.told.count.fetch_add(1, Ordering::Relaxed) + 1,
        };
        if self.count == self.told.expected.load(Ordering::Relaxed) {
            self.told.all.notify_one();
        }
    }
}

/// Replies with what it is asked.
struct Echo;

impl Actor<u64, Broker> for Echo {
    async fn handle(&mut self, e: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, Broker>) {
        ctx.reply(&e, e.message).await.unwrap();
    }
}

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).enable_time().build().unwrap()
}

async fn system() -> System {
    let broker = Broker::builder().capacity(CAPACITY).build();
    ActorSystem::new(SystemConfig::default(), broker).await.unwrap()
}

/// Tells so many actors in turn, from so many tasks, and waits until all has been handled.
fn tell(c: &mut Criterion, from: u64, to: usize) {
    let mut group = support::group(c, "actors/tell");
    let runtime = runtime(2);
    group.bench_function(format!("{from}->{to}"), |b| {
        b.iter_custom(|messages| {
            runtime.block_on(async {
                let (system, told) = (system().await, Arc::new(Told::default()));
                told.expected.store(messages, Ordering::Relaxed);
                let spawn = |_| {
                    let counter = Counter { told: Arc::clone(&told), is_alone: to == 1, count: 0 };
                    let mut counter = Some(counter);
                    system.spawn_with(SpawnOptions::new(), move || counter.take().unwrap())
                };
                let actors: Arc<[_]> = (0..to).map(|n| spawn(n).unwrap()).collect();
                let start = Instant::now();
                for n in 0..from {
                    let part = messages * n / from..messages * (n + 1) / from;
                    let (system, actors) = (system.clone(), Arc::clone(&actors));
                    tokio::spawn(async move {
                        for number in part {
                            let to = actors[number as usize % actors.len()];
                            system.send(to, number).await.unwrap();
                        }
                    });
                }
                told.all.notified().await;
                let time = start.elapsed();
                system.shutdown(Drain::Within(LONG)).await;
                time
            })
        });
    });
    group.finish();
}

async fn ask(system: &System, to: ActorAddress, number: u64) {
    let reply = system.request::<u64>(to, number, LONG).await.unwrap();
    assert_eq!(reply.message, number);
}

/// Asks one actor, from so many tasks at once, on one worker.
fn asks(c: &mut Criterion, in_flight: u64) {
    let mut group = support::group(c, "actors/ask");
    let runtime = runtime(1);
    let system = runtime.block_on(system());
    let echo = system.spawn("echo", Echo).unwrap();
    group.bench_function(format!("{in_flight} in flight"), |b| {
        b.iter_custom(|asks| {
            let start = Instant::now();
            let tasks: Vec<_> = (0..in_flight)
                .map(|n| {
                    let (system, part) =
                        (system.clone(), asks * n / in_flight..asks * (n + 1) / in_flight);
                    runtime.spawn(async move {
                        for number in part {
                            ask(&system, echo, number).await;
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
            start.elapsed()
        });
    });
    runtime.block_on(system.shutdown(Drain::Within(LONG)));
    group.finish();
}

fn telling(c: &mut Criterion) {
    tell(c, 1, 1);
    tell(c, 4, 1);
    tell(c, 1, 1_000);
}

fn asking(c: &mut Criterion) {
    asks(c, 1);
    asks(c, 64);
}

/// Spawns an actor and stops it; spawns many and counts their bytes.
fn spawning(c: &mut Criterion) {
    let mut group = support::group(c, "actors/spawn and stop");
    let runtime = runtime(1);
    let system = runtime.block_on(system());
    group.bench_function("each awaited", |b| {
        b.iter_custom(|actors| {
            let system = system.clone();
            let spawning = runtime.spawn(async move {
                let start = Instant::now();
                for _ in 0..actors {
                    let echo = system.spawn_with(SpawnOptions::new(), || Echo).unwrap();
                    assert!(system.stop(echo).await.is_some());
                }
                start.elapsed()
            });
            runtime.block_on(spawning).unwrap()
        });
    });
    group.finish();
    let count = 64 * 1023;
    let before = HELD.0.load(Ordering::Relaxed);
    for _ in 0..count {
        system.spawn_with(SpawnOptions::new(), || Echo).unwrap();
    }
    runtime.block_on(async {
        for address in system.registry().addresses() {
            ask(&system, address, 1).await;
        }
    });
    let held = HELD.0.load(Ordering::Relaxed) - before;
    println!("actors/memory: {} bytes for each of {count} idle actors\n", held / count);
    runtime.block_on(system.shutdown(Drain::Within(LONG)));
}

/// Tells an actor, asks another, and counts what either allocates the second time, when all has grown.
fn allocating(_: &mut Criterion) {
    let messages = 10_000;
    let (mut tells, mut asks) = (0, 0);
    let runtime = runtime(1);
    runtime.block_on(async {
        let (system, told) = (system().await, Arc::new(Told::default()));
        let counter = Counter { told: Arc::clone(&told), is_alone: true, count: 0 };
        let counter = system.spawn("counter", counter).unwrap();
        let echo = system.spawn("echo", Echo).unwrap();
        for time in 1..=2 {
            told.expected.store(time * messages, Ordering::Relaxed);
            let before = HELD.1.load(Ordering::Relaxed);
            for number in 0..messages {
                system.send(counter, number).await.unwrap();
            }
            told.all.notified().await;
            let between = HELD.1.load(Ordering::Relaxed);
            for number in 0..messages {
                ask(&system, echo, number).await;
            }
            (tells, asks) = (between - before, HELD.1.load(Ordering::Relaxed) - between);
        }
        system.shutdown(Drain::Within(LONG)).await;
    });
    let each = |count| count as f64 / messages as f64;
    println!("actors/allocations: {} for a tell, {} for an ask\n", each(tells), each(asks));
}

criterion_group!(
    name = all;
    config = support::config();
    targets = telling, asking, spawning, allocating
);
criterion_main!(all);
