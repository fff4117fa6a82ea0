//! Publishing and subscribing: what streams receive, what they miss and are told of, and how they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use stentor::{
    BrokerConfig, BrokerError, ConfigError, DeadLetterReason, DynMessageBroker, Hook,
    InMemoryMessageBroker, MessageBroker, MessageEnvelope, MessageStream, Outcome, Overflow,
    RecvError, RecvTimeoutError, Start, SubscribeOptions, Timestamp, Topic, TryRecvError,
};

type Broker = InMemoryMessageBroker<u64>;

fn broker() -> Broker {
    Broker::builder().capacity(4).build()
}

fn publish(broker: &Broker, messages: impl IntoIterator<Item = u64>) {
    for message in messages {
        broker.publish_blocking(MessageEnvelope::new(message)).unwrap();
    }
}

fn drain(stream: &mut MessageStream<u64>) -> Vec<u64> {
    std::iter::from_fn(|| stream.try_recv().ok()).map(|envelope| envelope.message).collect()
}

#[tokio::test]
async fn all_receive_all_in_order_by_every_way_of_waiting() {
    let broker = broker();
    let [mut a, mut b, mut c, mut d] =
        std::array::from_fn(|_| broker.subscribe_blocking().unwrap());
    publish(&broker, [1, 2, 3]);
    broker.shutdown();
    for number in 1..=3 {
        assert_eq!(a.recv().await.unwrap().message, number);
        assert_eq!(b.recv_blocking().unwrap().message, number);
        assert_eq!(c.next().await.unwrap().message, number);
        assert_eq!(d.recv_timeout(Duration::from_secs(600)).unwrap().message, number);
    }
    assert!(a.recv().await.is_none() && b.recv_blocking().is_none() && c.next().await.is_none());
    assert_eq!(d.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Closed));
    for stream in [a, b, c, d] {
        assert_eq!(stream.end(), Some(RecvError::Closed));
    }
}

#[test]
fn an_empty_stream_says_so() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    assert_eq!(stream.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(stream.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    assert_eq!(stream.end(), None);
}

#[test]
fn a_broker_lives_as_long_as_its_handles() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let other = broker.clone();
    drop(broker);
    publish(&other, [1]);
    drop(other);
    assert_eq!(stream.recv_blocking().unwrap().message, 1);
    assert!(stream.recv_blocking().is_none());
}

#[test]
fn a_closed_broker_gives_messages_back() {
    let broker = broker();
    broker.shutdown();
    broker.shutdown();
    assert!(broker.is_closed() && broker.metrics().closed);
    for error in [
        broker.publish_blocking(MessageEnvelope::new(7)).unwrap_err(),
        broker.try_publish(MessageEnvelope::new(7)).unwrap_err(),
        futures_executor::block_on(broker.publish(MessageEnvelope::new(7))).unwrap_err(),
    ] {
        assert!(matches!(error, BrokerError::Closed(envelope) if envelope.message == 7));
    }
    assert!(broker.subscribe_blocking().unwrap().recv_blocking().is_none());
}

/// Writes down what subscriptions have missed.
#[derive(Clone, Default)]
struct Misses(Arc<Mutex<Vec<(String, u64)>>>);

impl Hook<u64> for Misses {
    fn on_outcome(&self, outcome: &Outcome<'_, u64>) {
        if let Outcome::Missed { subscription, count } = outcome {
            self.0.lock().unwrap().push((subscription.to_string(), *count));
        }
    }
}

#[test]
fn what_a_lossy_stream_misses_is_told_counted_and_reported() {
    let misses = Misses::default();
    let broker = Broker::builder().capacity(4).build();
    drop(broker);
    let broker = InMemoryMessageBroker::builder().capacity(4).hooks(misses.clone()).build();
    let options = || SubscribeOptions::new().overflow(Overflow::DropOldest);
    let mut told = broker.subscribe_with(options().name("told")).unwrap();
    let mut counted = broker.subscribe_with(options().name("counted")).unwrap();
    for message in 0..10 {
        broker.publish_blocking(MessageEnvelope::new(message)).unwrap();
    }
    assert_eq!(told.try_recv(), Err(TryRecvError::Lagged(6)));
    assert_eq!(told.try_recv().unwrap().message, 6);
    assert_eq!(counted.recv_blocking().unwrap().message, 6);
    assert_eq!((told.missed(), counted.missed()), (6, 6));
    let expected = [("told".to_string(), 6), ("counted".to_string(), 6)];
    assert_eq!(*misses.0.lock().unwrap(), expected);
    let metrics = broker.metrics();
    assert!(metrics.subscribers.iter().all(|subscriber| subscriber.missed == 6));
}

#[test]
fn an_evicted_stream_ends_and_says_why() {
    let broker = broker();
    let options = SubscribeOptions::new().overflow(Overflow::Evict);
    let mut stream = broker.subscribe_with(options).unwrap();
    publish(&broker, 0..10);
    assert!(stream.recv_blocking().is_none());
    assert!(matches!(stream.end(), Some(RecvError::Evicted(unread)) if unread >= 4));
}

#[test]
fn streams_may_begin_with_what_is_retained() {
    let broker = Broker::builder().capacity(8).retain(3).build();
    publish(&broker, 0..5);
    let mut stream = broker.subscribe_with(SubscribeOptions::new().from(Start::Oldest)).unwrap();
    publish(&broker, [5]);
    assert_eq!(drain(&mut stream), [2, 3, 4, 5]);
}

#[test]
fn a_stage_receives_what_those_before_it_have_received() {
    let broker = broker();
    let mut journal = broker.bus().subscriber().name("journal").subscribe();
    let options = SubscribeOptions::new().after_subscribers(&[&journal]);
    let mut business = broker.subscribe_with(options).unwrap();
    let mut audit = broker.subscribe_with(SubscribeOptions::new().after(&[&business])).unwrap();
    publish(&broker, [1]);
    assert!(business.try_recv().is_err());
    drop(journal.try_read(8).unwrap());
    assert!(audit.try_recv().is_err());
    assert_eq!(drain(&mut business), [1]);
    assert_eq!(drain(&mut audit), [1]);

    let other = Broker::builder().build();
    let refused = other.subscribe_with(SubscribeOptions::new().after(&[&audit]));
    assert!(matches!(refused, Err(BrokerError::Subscribe(_))));
}

#[test]
fn topics_select() {
    let broker = Broker::builder().build();
    let subscribe = |pattern: &str| broker.subscribe_with(SubscribeOptions::new().topic(pattern));
    let [mut one, mut rest, mut all] =
        ["orders.*", "orders.>", ">"].map(|pattern| subscribe(pattern).unwrap());
    for (number, topic) in ["orders.eu", "news", "orders.eu.new", "orders"].iter().enumerate() {
        let topic = Topic::new(topic).unwrap();
        broker.publish_blocking(MessageEnvelope::new(number as u64).with_topic(topic)).unwrap();
    }
    publish(&broker, [9]); // of no topic
    assert_eq!(drain(&mut one), [0]);
    assert_eq!(drain(&mut rest), [0, 2]);
    assert_eq!(drain(&mut all), [0, 1, 2, 3]);
    let error = subscribe("orders..new").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#""orders..new" is no topic pattern: a word between dots is empty"#
    );
}

#[test]
fn filters_select_over_more_than_one_look() {
    let broker = Broker::builder().capacity(1024).build();
    let options = SubscribeOptions::new().filter(|envelope| envelope.message % 100 == 99);
    let mut stream = broker.subscribe_with(options).unwrap();
    publish(&broker, 0..1_000);
    assert!(drain(&mut stream).into_iter().eq((0..10).map(|n| n * 100 + 99)));
    assert_eq!(broker.metrics().subscribers[0].lag, 0);
}

#[test]
fn a_filter_that_panics_loses_only_its_message() {
    let broker = broker();
    let filter = |envelope: &MessageEnvelope<u64>| {
        assert!(envelope.message != 2, "two");
        envelope.message > 1
    };
    let mut stream = broker.subscribe_with(SubscribeOptions::new().filter(filter)).unwrap();
    publish(&broker, [1, 2, 3]);
    let received = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stream.try_recv()));
    assert!(received.is_err());
    assert_eq!(drain(&mut stream), [3]);
}

#[test]
fn a_filtered_task_is_woken_for_what_it_wants() {
    let broker = broker();
    let options = SubscribeOptions::new().filter(|envelope| envelope.message == 1_000);
    let mut stream = broker.subscribe_with(options).unwrap();
    let waiting = std::thread::spawn(move || futures_executor::block_on(stream.recv()));
    publish(&broker, 0..=1_000);
    assert_eq!(waiting.join().unwrap().unwrap().message, 1_000);
}

#[test]
fn expired_messages_are_not_received() {
    let broker = broker();
    let mut stream = broker.subscribe_blocking().unwrap();
    let mut letters = broker.dead_letters();
    // Expired when it is published.
    let old = MessageEnvelope::new(1).with_timestamp(Timestamp::from_nanos(1));
    let old = old.with_ttl(Duration::from_secs(1));
    let error = broker.publish_blocking(old).unwrap_err();
    assert!(matches!(error, BrokerError::Expired(envelope) if envelope.message == 1));
    // Expired when it is received.
    broker.publish_blocking(MessageEnvelope::new(2).with_ttl(Duration::from_millis(1))).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    publish(&broker, [3]);
    assert_eq!(stream.recv_blocking().unwrap().message, 3);
    assert_eq!(stream.expired(), 1);
    for message in [1, 2] {
        let letter = letters.try_recv().unwrap();
        assert_eq!((letter.envelope.message, letter.reason), (message, DeadLetterReason::Expired));
    }
    assert_eq!(broker.metrics().dead_letters.expired, 2);
}

#[test]
fn the_broker_sets_timestamps_unless_told_otherwise() {
    let mine = Timestamp::from_nanos(42);
    for (clock, stamps) in [
        (stentor::Clock::Coarse, true),
        (stentor::Clock::Precise, true),
        (stentor::Clock::Off, false),
    ] {
        let broker = Broker::builder().clock(clock).build();
        let mut stream = broker.subscribe_blocking().unwrap();
        publish(&broker, [1]);
        assert_eq!(stream.try_recv().unwrap().metadata.timestamp.is_some(), stamps);
        broker.publish_blocking(MessageEnvelope::new(1).with_timestamp(mine)).unwrap();
        assert_eq!(stream.try_recv().unwrap().metadata.timestamp, Some(mine));
    }
}

#[test]
fn impossible_configurations_are_refused_by_their_values() {
    let refused = |config| Broker::builder().config(config).try_build().unwrap_err();
    let default = BrokerConfig::default;
    let error = refused(BrokerConfig { pending_requests: 0, ..default() });
    assert_eq!(error.to_string(), "pending_requests of 0: expected 1 to 1048576");
    let error = refused(BrokerConfig { pending_requests: usize::MAX, ..default() });
    assert_eq!(error, ConfigError::PendingRequests(usize::MAX));
    let error = refused(BrokerConfig { dead_letters: 0, ..default() });
    assert_eq!(error.to_string(), "dead_letters of 0: expected at least 1");
    let error = refused(BrokerConfig { capacity: 0, ..default() });
    assert_eq!(error.to_string(), "a bus of capacity 0: expected at least 1");
    let error = refused(BrokerConfig { dead_letters: usize::MAX, ..default() });
    assert!(matches!(error, ConfigError::Bus(_)));
}

#[tokio::test]
async fn a_broker_may_be_behind_a_pointer() {
    let broker: Arc<dyn DynMessageBroker<u64>> = Arc::new(broker());
    let mut stream = broker.subscribe_dyn().await.unwrap();
    broker.publish_dyn(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(stream.recv().await.unwrap().message, 1);
    let error = broker.publish_request_dyn(MessageEnvelope::new(1), Duration::ZERO).await;
    assert_eq!(error.unwrap_err().to_string(), "the request has no correlation id");
}

#[tokio::test]
async fn another_backends_stream_is_one_too() {
    let messages = futures_util::stream::iter([1, 2, 3].map(MessageEnvelope::new));
    let mut stream = MessageStream::from_stream(messages);
    assert_eq!(stream.try_recv().unwrap().message, 1);
    assert_eq!(stream.recv().await.unwrap().message, 2);
    assert_eq!(stream.recv_blocking().unwrap().message, 3);
    assert_eq!(stream.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(stream.end(), Some(RecvError::Closed));
    let mut never = MessageStream::<u64>::from_stream(futures_util::stream::pending());
    assert_eq!(never.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(never.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
}

#[test]
fn errors_are_debug_whatever_the_message() {
    #[derive(Clone)]
    struct Opaque;
    let broker = InMemoryMessageBroker::<Opaque>::builder().build();
    broker.shutdown();
    let error = broker.publish_blocking(MessageEnvelope::new(Opaque)).unwrap_err();
    assert_eq!(format!("{error:?}"), "BrokerError(the broker is closed)");
}
