//! In the steady state nothing is allocated: not for a message, not for a request and its reply.

mod counting;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use counting::allocations;
use futures_executor::block_on;
use stentor::{
    ActorAddress, CorrelationId, Hook, InMemoryMessageBroker, MessageBroker, MessageEnvelope,
    MessageHeader, MessageStream, Overflow, SubscribeOptions, Topic, TopicPattern,
};

const LONG: Duration = Duration::from_secs(600);

/// Does something in every method.
#[derive(Default)]
struct Busy(AtomicU64);

impl Hook<u64> for Busy {
    fn after_publish(&self, _: &MessageHeader) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_deliver(&self, _: &MessageEnvelope<u64>, _: &str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 2_000);
}

#[test]
fn messages() {
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(16).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let topic = Topic::new("orders.eu").unwrap();
    let count = allocations(|| {
        let envelope = MessageEnvelope::new(1).with_sender(ActorAddress::new()).with_topic(&topic);
        broker.publish_blocking(envelope.clone()).unwrap();
        broker.try_publish(envelope.clone()).unwrap();
        block_on(broker.publish(envelope)).unwrap();
        stream.recv_blocking().unwrap();
        stream.try_recv().unwrap();
        block_on(stream.recv()).unwrap();
    });
    assert_eq!(count, 0);
}

#[test]
fn topics_and_filters() {
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(16).build();
    let options = SubscribeOptions::new().topic("orders.*.>").filter(|e| e.message > 1);
    let mut stream = broker.subscribe_with(options).unwrap();
    let pattern = TopicPattern::new("*.eu.new").unwrap();
    let topic = Topic::new("orders.eu.new").unwrap();
    let count = allocations(|| {
        assert!(pattern.matches(&topic));
        for message in 0..4 {
            broker.publish_blocking(MessageEnvelope::new(message).with_topic(&topic)).unwrap();
        }
        assert_eq!(stream.try_recv().unwrap().message, 2);
        assert_eq!(stream.try_recv().unwrap().message, 3);
        assert!(stream.try_recv().is_err());
    });
    assert_eq!(count, 0);
}

#[test]
fn hooks() {
    let hooks = (Busy::default(), Busy::default(), Busy::default());
    let broker = InMemoryMessageBroker::builder().capacity(16).hooks(hooks).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let count = allocations(|| {
        broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
        stream.try_recv().unwrap();
    });
    assert_eq!(count, 0);
}

#[cfg(all(
    feature = "metrics",
    feature = "rate-limit",
    feature = "circuit-breaker",
    feature = "tracing",
    feature = "persist"
))]
#[test]
fn all_hooks_that_come_with_it() {
    use stentor::{CircuitBreaker, DeadLetterReason, Metrics, Persist, RateLimit, RingJournal};
    let exporter = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = metrics::with_local_recorder(&exporter, || Metrics::new("b"));
    let second = Duration::from_secs(1);
    let limit = RateLimit::new().per_sender(1 << 20, second).per_topic(1 << 20, second);
    let breaker = CircuitBreaker::new();
    let journal = Persist::new(RingJournal::new(16));
    let hooks =
        (metrics, stentor::Tracing::new(), limit.per_broker(1 << 20, second), breaker, journal);
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(16).hooks(hooks).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let topic = Topic::new("orders.eu").unwrap();
    let (sender, recipient) = (ActorAddress::new(), ActorAddress::new());
    let envelope = || MessageEnvelope::new(1).with_recipient(recipient);
    // So that the breaker keeps the recipient in mind.
    broker.report_dead_letter(envelope(), DeadLetterReason::MailboxFull);
    let count = allocations(|| {
        broker.publish_blocking(envelope().with_sender(sender).with_topic(&topic)).unwrap();
        stream.try_recv().unwrap();
    });
    assert_eq!(count, 0);
}

/// Asks, answers on the same thread, and takes the reply.
fn round_trip(
    broker: &InMemoryMessageBroker<u64>,
    stream: &mut MessageStream<u64>,
    envelope: MessageEnvelope<u64>,
) {
    let mut asking = pin!(broker.request::<u64>(envelope, LONG));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut cx).is_pending());
    let request = stream.try_recv().unwrap();
    broker.publish_blocking(request.reply(2)).unwrap();
    assert!(matches!(asking.as_mut().poll(&mut cx), Poll::Ready(Ok(reply)) if reply.message == 2));
    stream.try_recv().unwrap();
}

#[test]
fn requests() {
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(16).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let count = allocations(|| {
        round_trip(&broker, &mut stream, MessageEnvelope::new(1));
        let envelope = MessageEnvelope::new(1).with_correlation_id(CorrelationId::new());
        round_trip(&broker, &mut stream, envelope);
    });
    assert_eq!(count, 0);
}

#[test]
fn requests_of_a_thread_and_those_given_up() {
    let broker = InMemoryMessageBroker::<u64>::builder().capacity(16).build();
    let options = SubscribeOptions::new().overflow(Overflow::DropOldest);
    let _stream = broker.subscribe_with(options).unwrap();
    let count = allocations(|| {
        let asked = broker.request_blocking::<u64>(MessageEnvelope::new(1), Duration::ZERO);
        assert!(asked.is_err());
        let mut asking = pin!(broker.request::<u64>(MessageEnvelope::new(1), LONG));
        assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    assert_eq!(count, 0);
}
