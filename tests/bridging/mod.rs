//! What the tests of bridges share.

#![allow(dead_code, reason = "each test uses some of it")]

use std::time::{Duration, Instant};

use stentor::{
    Bridge, BridgeBuilder, BridgeStats, InMemoryMessageBroker, MessageBroker, MessageEnvelope,
    MessageStream, SubscribeOptions, Topic,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Whoever waits longer than this waits for ever.
pub const PATIENCE: Duration = Duration::from_secs(100);

pub type Broker = InMemoryMessageBroker<u64>;

pub fn between(local: &Broker, remote: &Broker) -> BridgeBuilder<u64, (), Broker> {
    Bridge::builder(local.clone(), remote.clone())
}

/// One that has room for all that a test publishes before it reads, and for what is imported meanwhile.
pub fn broker() -> Broker {
    broker_of(4_096)
}

/// One that makes its publishers (or bridge) wait after so many messages.
pub fn broker_of(capacity: usize) -> Broker {
    InMemoryMessageBroker::builder().capacity(capacity).build()
}

pub fn about(topic: &str, number: u64) -> MessageEnvelope<u64> {
    MessageEnvelope::new(number).with_topic(Topic::new(topic).unwrap())
}

pub async fn next(stream: &mut MessageStream<u64>) -> MessageEnvelope<u64> {
    timeout(PATIENCE, stream.recv()).await.expect("it comes").expect("a stream")
}

pub async fn numbers(stream: &mut MessageStream<u64>, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(next(stream).await.message);
    }
    numbers
}

/// Everything up to this number, which it has not.
pub async fn numbers_before(stream: &mut MessageStream<u64>, last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        match next(stream).await.message {
            number if number == last => return numbers,
            number => numbers.push(number),
        }
    }
}

pub async fn until(bridge: &Bridge, is_so: impl Fn(&BridgeStats) -> bool) -> BridgeStats {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = bridge.stats();
        if is_so(&stats) {
            return stats;
        }
        assert!(Instant::now() < deadline, "never: {stats:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Shuts it down; all must have been exported.
pub async fn end(bridge: Bridge) -> BridgeStats {
    let report = bridge.shutdown(PATIENCE).await;
    assert!(report.drained && report.left == 0, "{report:?}");
    report.stats
}

/// Publishes so many numbers, while what the bridge exports to is restarted twice; all of them must be exported.
pub async fn all_is_exported(local: Broker, bridge: Bridge, count: u64, mut restart: impl FnMut()) {
    let publishing = tokio::spawn(async move {
        for number in 0..count {
            timeout(PATIENCE, local.publish(about("a", number))).await.expect("room").unwrap();
        }
    });
    for part in 1..3 {
        until(&bridge, |stats| stats.exported > part * count / 4).await;
        tokio::task::block_in_place(&mut restart);
    }
    publishing.await.unwrap();
    let stats = end(bridge).await;
    assert_eq!((stats.exported, stats.dropped), (count, Default::default()));
}

pub fn sums(broker: &Broker) -> MessageStream<u64> {
    broker.subscribe_with(SubscribeOptions::new().topic("sums.>")).unwrap()
}

/// Answers so many requests, each with its number and one more.
pub fn answer<B: MessageBroker<u64>>(
    broker: &B,
    mut requests: MessageStream<u64>,
    count: usize,
) -> JoinHandle<()> {
    let broker = broker.clone();
    tokio::spawn(async move {
        for _ in 0..count {
            let request = next(&mut requests).await;
            broker.publish(request.reply(request.message + 1)).await.unwrap();
        }
    })
}
