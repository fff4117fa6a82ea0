//! What a broker adds to its bus: publishing through no hook, one, three, and all; and a request and its reply
//! beside a channel and a oneshot.

mod support;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use stentor::{
    ActorAddress, Bus, Clock, Hook, InMemoryMessageBroker, MessageBroker, MessageEnvelope,
    MessageHeader, MessageStream, Rejection, SubscribeOptions,
};
use support::Cell;

const LONG: Duration = Duration::from_secs(60);

type Envelope = MessageEnvelope<Cell>;

/// Counts what is published and rejected.
#[derive(Default)]
struct Count {
    published: AtomicU64,
    rejected: AtomicU64,
}

impl Hook<Cell> for Count {
    const DELIVERIES: bool = false;
    const OUTCOMES: bool = false;

    fn before_publish(&self, envelope: &mut Envelope) -> Result<(), Rejection> {
        if envelope.message[0] == 0 {
            return Err(Rejection::new("count", "zero"));
        }
        Ok(())
    }

    fn after_publish(&self, _: &MessageHeader) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    fn on_reject(&self, _: &MessageHeader, _: &Rejection) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

/// Time for messages published one by one and drained by the same thread in batches of 64.
fn published(iters: u64, mut publish: impl FnMut(Envelope), mut drain: impl FnMut()) -> Duration {
    let start = Instant::now();
    for n in 1..=iters {
        publish(MessageEnvelope::new(black_box([n; 8])));
        if n % 64 == 0 {
            drain();
        }
    }
    drain();
    start.elapsed()
}

fn through<H: Hook<Cell>>(c: &mut Criterion, name: &str, clock: Clock, hooks: H) {
    let mut group = support::group(c, "broker/publish");
    let broker = InMemoryMessageBroker::builder()
        .capacity(support::CAPACITY)
        .clock(clock)
        .hooks(hooks)
        .build();
    let mut subscriber = broker.bus().subscribe();
    group.bench_function(name, |b| {
        b.iter_custom(|iters| {
            let publish = |envelope| broker.publish_blocking(envelope).unwrap();
            published(iters, publish, || while subscriber.try_read(64).is_ok() {})
        });
    });
    group.bench_function(format!("{name}, async"), |b| {
        b.iter_custom(|iters| {
            let publish = |envelope| {
                let mut publishing = std::pin::pin!(broker.publish(envelope));
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(publishing.as_mut().poll(&mut cx).is_ready());
            };
            published(iters, publish, || while subscriber.try_read(64).is_ok() {})
        });
    });
    group.finish();
}

fn publish(c: &mut Criterion) {
    let mut group = support::group(c, "broker/publish");
    let bus = Bus::new(support::CAPACITY);
    let (publisher, mut subscriber) = (bus.publisher(), bus.subscribe());
    group.bench_function("bare bus", |b| {
        b.iter_custom(|iters| {
            let publish = |envelope| publisher.publish(envelope).unwrap();
            published(iters, publish, || while subscriber.try_read(64).is_ok() {})
        });
    });
    group.finish();
    through(c, "no hook, no clock", Clock::Off, ());
    through(c, "no hook", Clock::Coarse, ());
    through(c, "no hook, precise clock", Clock::Precise, ());
    through(c, "one hook, no clock", Clock::Off, Count::default());
    through(
        c,
        "three hooks, no clock",
        Clock::Off,
        (Count::default(), Count::default(), Count::default()),
    );
    #[cfg(feature = "metrics")]
    through(c, "Metrics", Clock::Coarse, stentor::Metrics::new("bench"));
    #[cfg(feature = "circuit-breaker")]
    through(c, "CircuitBreaker", Clock::Coarse, stentor::CircuitBreaker::new());
    #[cfg(feature = "tracing")]
    through(c, "Tracing", Clock::Coarse, stentor::Tracing::new());
    #[cfg(feature = "rate-limit")]
    through(
        c,
        "RateLimit",
        Clock::Coarse,
        stentor::RateLimit::new().per_broker(u32::MAX, Duration::from_secs(5)),
    );
    #[cfg(feature = "persist")]
    through(
        c,
        "Persist in memory",
        Clock::Coarse,
        stentor::Persist::new(stentor::RingJournal::new(support::CAPACITY)),
    );
    #[cfg(all(feature = "metrics", feature = "circuit-breaker", feature = "tracing"))]
    through(c, "Metrics, Tracing, CircuitBreaker", Clock::Coarse, cheap_hooks());
    #[cfg(all(
        feature = "metrics",
        feature = "circuit-breaker",
        feature = "tracing",
        feature = "rate-limit",
        feature = "persist"
    ))]
    through(
        c,
        "all hooks",
        Clock::Coarse,
        (
            cheap_hooks(),
            stentor::RateLimit::new().per_broker(u32::MAX, Duration::from_secs(5)),
            stentor::Persist::new(stentor::RingJournal::new(support::CAPACITY)),
        ),
    );
}

/// Those that take no lock.
#[cfg(all(feature = "metrics", feature = "circuit-breaker", feature = "tracing"))]
fn cheap_hooks() -> impl Hook<Cell> {
    (stentor::Metrics::new("bench"), stentor::Tracing::new(), stentor::CircuitBreaker::new())
}

fn deliver(c: &mut Criterion) {
    let mut group = support::group(c, "broker/deliver");
    let broker = InMemoryMessageBroker::builder().capacity(support::CAPACITY).build();
    let mut stream: MessageStream<Cell> = broker.subscribe_blocking().unwrap();
    group.bench_function("stream", |b| {
        b.iter_custom(|iters| {
            let publish = |envelope| broker.publish_blocking(envelope).unwrap();
            published(iters, publish, || while black_box(stream.try_recv()).is_ok() {})
        });
    });
    group.finish();
}

/// Asks in turn, on one thread that runs both sides as tasks.
fn request(c: &mut Criterion) {
    let mut group = support::group(c, "broker/request, one thread");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();

    type Ask = (Envelope, tokio::sync::oneshot::Sender<Envelope>);
    let (sender, mut requests) = tokio::sync::mpsc::channel::<Ask>(64);
    let answering = runtime.spawn(async move {
        while let Some((request, reply)) = requests.recv().await {
            drop(reply.send(request));
        }
    });
    group.bench_function("tokio mpsc + oneshot", |b| {
        b.iter_custom(|iters| {
            let start = Instant::now();
            runtime.block_on(async {
                for n in 0..iters {
                    let (reply, answer) = tokio::sync::oneshot::channel();
                    sender.send((MessageEnvelope::new([n; 8]), reply)).await.unwrap();
                    black_box(answer.await.unwrap());
                }
            });
            start.elapsed()
        });
    });
    drop(sender);
    runtime.block_on(answering).unwrap();

    let broker = InMemoryMessageBroker::<Cell>::builder().capacity(64).build();
    let service = ActorAddress::new();
    // Every subscriber sees the replies, too; this one passes over them where they lie.
    let options = SubscribeOptions::new().filter(move |e| e.metadata.recipient == Some(service));
    let mut requests = broker.subscribe_with(options).unwrap();
    let bus = broker.clone();
    let answering = runtime.spawn(async move {
        while let Some(request) = requests.recv().await {
            bus.publish(request.reply(request.message)).await.unwrap();
        }
    });
    group.bench_function("stentor", |b| {
        b.iter_custom(|iters| {
            let start = Instant::now();
            runtime.block_on(async {
                for n in 0..iters {
                    let question = MessageEnvelope::new([n; 8]).with_recipient(service);
                    black_box(broker.request::<Cell>(question, LONG).await.unwrap());
                }
            });
            start.elapsed()
        });
    });
    broker.shutdown();
    runtime.block_on(answering).unwrap();
    group.finish();
}

criterion_group!(name = benches; config = support::config(); targets = publish, deliver, request);
criterion_main!(benches);
