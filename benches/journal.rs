//! What the journal costs: messages per second that are on disk, by policy; how long `publish_durable` takes; replays;
//! and what a stage costs those who are not journalled.
//!
//! The journals are below the target directory: what is measured is that disk.

mod support;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::{
    Durability, InMemoryMessageBroker, Journal, JournalConfig, JournalStage, MessageEnvelope,
    ReplayQuery, Retention, Topic,
};
use support::Cell;

/// What a batch forced to disk can have at most is a quarter of it.
const CAPACITY: usize = 65_536;

type Broker = InMemoryMessageBroker<Cell>;

const POLICIES: [(&str, Durability); 3] = [
    ("every batch", Durability::EveryBatch),
    ("interval of 10 ms", Durability::Interval(Duration::from_millis(10))),
    ("os", Durability::Os),
];

fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&path));
    path
}

fn open(name: &str, durability: Durability) -> Journal<Cell> {
    keeping(name, durability, 64 << 20, 512 << 20)
}

/// A journal of segments of this size that keeps so many bytes.
fn keeping(name: &str, durability: Durability, segment: u64, kept: u64) -> Journal<Cell> {
    let retention = Retention { bytes: Some(kept), ..Retention::default() };
    let segment_bytes = segment;
    let config = JournalConfig { durability, retention, segment_bytes, ..JournalConfig::default() };
    Journal::open(directory(name), config).unwrap()
}

fn broker(capacity: usize) -> Broker {
    Broker::builder().capacity(capacity).build()
}

fn publish(broker: &Broker, messages: u64) {
    for n in 0..messages {
        broker.publish_blocking(MessageEnvelope::new([n; 8])).unwrap();
    }
}

/// From the first to be published until the last is on disk.
fn durable(c: &mut Criterion) {
    let mut group = support::group(c, "journal/durable");
    let mut measure = |name: &str, capacity: usize, open: &dyn Fn() -> Journal<Cell>| {
        group.bench_function(name, |b| {
            b.iter_custom(|messages| {
                let (journal, broker) = (open(), broker(capacity));
                let stage = journal.stage(&broker).start().unwrap();
                let start = Instant::now();
                publish(&broker, messages);
                drop(broker);
                stage.join();
                journal.sync().unwrap();
                let elapsed = start.elapsed();
                let stats = journal.stats();
                assert_eq!((stats.next, stats.durable), (messages, messages));
                elapsed
            });
        });
    };
    for (name, durability) in POLICIES {
        measure(name, CAPACITY, &|| open("durable", durability));
    }
    let every = Durability::EveryBatch;
    measure("every batch, a ring of 1,024", 1024, &|| open("durable", every));
    measure("every batch, 8 MiB kept", CAPACITY, &|| keeping("durable", every, 1 << 20, 8 << 20));
    group.finish();
}

/// One at a time, each from being published until it is on disk.
fn latency(c: &mut Criterion) {
    let mut group = support::group(c, "journal/publish_durable");
    for (name, durability) in POLICIES {
        let journal = open("latency", durability);
        let broker = broker(CAPACITY);
        let stage = journal.stage(&broker).start().unwrap();
        group.bench_function(name, |b| {
            b.iter(|| broker.publish_durable_blocking(MessageEnvelope::new([1; 8]), &stage));
        });
    }
    group.finish();
}

fn replay(c: &mut Criterion) {
    const MESSAGES: u64 = 1_000_000;
    let mut group = support::group(c, "journal/replay");
    let journal = open("replay", Durability::Os);
    let topic = Topic::new("orders.eu").unwrap();
    for n in 0..MESSAGES {
        journal.append(&MessageEnvelope::new([n; 8]).with_topic(&topic)).unwrap();
    }
    let queries = [
        ("all", ReplayQuery::new()),
        ("a topic", ReplayQuery::new().topic("orders.*").unwrap()),
        ("no topic", ReplayQuery::new().topic("none").unwrap()),
    ];
    for (name, query) in queries {
        group.bench_function(name, |b| {
            b.iter_custom(|messages| {
                let start = Instant::now();
                let mut left = messages;
                while left > 0 {
                    let end = left.min(MESSAGES);
                    let query = query.clone().until_sequence(end);
                    let found = journal.replay(query).unwrap().map(Result::unwrap);
                    std::hint::black_box(found.map(|found| found.envelope.message[0]).max());
                    left -= end;
                }
                start.elapsed()
            });
        });
    }
    let (stats, bytes) = (journal.stats(), size_of::<Cell>());
    println!("{} bytes per message of {bytes}, with a topic", stats.bytes / stats.next);
    group.finish();
}

/// Who else reads the bus.
enum Beside {
    Subscriber(thread::JoinHandle<()>),
    Stage(JournalStage<Cell>),
}

/// Messages per second that reach a subscriber that is not behind the stage.
fn beside(c: &mut Criterion) {
    let mut group = support::group(c, "journal/beside");
    let run = |messages, beside: &dyn Fn(&Broker) -> Option<Beside>| {
        let broker = broker(CAPACITY);
        let beside = beside(&broker);
        let mut subscriber = broker.bus().subscribe();
        let start = Instant::now();
        let reader = thread::spawn(move || {
            let mut read = 0;
            while let Ok(batch) = subscriber.read(1024) {
                read += batch.len() as u64;
            }
            assert_eq!(read, messages);
        });
        publish(&broker, messages);
        drop(broker);
        reader.join().unwrap();
        let elapsed = start.elapsed();
        match beside {
            Some(Beside::Subscriber(thread)) => thread.join().unwrap(),
            Some(Beside::Stage(stage)) => stage.join(),
            None => {}
        }
        elapsed
    };
    group.bench_function("nobody", |b| b.iter_custom(|n| run(n, &|_| None)));
    group.bench_function("a subscriber that does nothing", |b| {
        b.iter_custom(|n| {
            run(n, &|broker| {
                let mut subscriber = broker.bus().subscribe();
                let idle = move || while subscriber.read(1024).is_ok() {};
                Some(Beside::Subscriber(thread::spawn(idle)))
            })
        });
    });
    group.bench_function("a stage that selects nothing", |b| {
        b.iter_custom(|n| {
            let journal = open("beside", Durability::EveryBatch);
            run(n, &|broker| {
                Some(Beside::Stage(
                    journal.stage(broker).topic("nothing").unwrap().start().unwrap(),
                ))
            })
        });
    });
    group.bench_function("a stage that selects all", |b| {
        b.iter_custom(|n| {
            let journal = open("beside", Durability::EveryBatch);
            run(n, &|broker| Some(Beside::Stage(journal.stage(broker).start().unwrap())))
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = support::config();
    targets = durable, latency, replay, beside
}
criterion_main!(benches);
