//! Redis goes away, comes back, stalls, cuts off: the books are balanced.

mod servers;

use std::collections::HashMap;
use std::time::Duration;

use servers::Server;
use stentor::{
    Backoff, ConnectionState, MessageBroker, MessageEnvelope, Outage, Overflow, RedisMessageBroker,
    RedisStreams, RemoteConfig, RemoteError, RemoteSubscribe, ReplayFrom,
};
use tokio::time::timeout;

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(100);

fn config() -> RemoteConfig {
    RemoteConfig {
        outage: Outage::Wait(PATIENCE),
        confirm: Duration::from_secs(2),
        ping_interval: Duration::from_millis(200),
        backoff: Backoff { first: Duration::from_millis(10), most: Duration::from_millis(200) },
        ..RemoteConfig::default()
    }
}

async fn until<M: stentor::Message>(broker: &RedisMessageBroker<M>, wanted: ConnectionState) {
    let mut state = broker.state();
    let reached = timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await;
    reached.unwrap_or_else(|_| panic!("never {wanted:?}")).expect("a broker");
}

/// Whether an error leaves it open if the message was published.
fn is_unknown(error: &(dyn std::error::Error + 'static)) -> bool {
    let source = error.source().expect("a source").downcast_ref::<RemoteError>();
    matches!(source, Some(RemoteError::Unconfirmed(_)))
}

/// Killed and restarted in the middle: nothing that Streams have acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_survive_kill() {
    const COUNT: u64 = 600;
    let mut server = Server::redis();
    let broker = RedisMessageBroker::<u64>::builder(server.url())
        .config(config())
        .streams(RedisStreams::new().claim_after(Duration::from_millis(500)));
    let broker = broker.connect().await.unwrap();
    let workers = RemoteSubscribe::new().group("workers").from(ReplayFrom::Oldest);
    let mut stream = broker.subscribe_with(workers).await.unwrap();
    let publisher = broker.clone();
    let publishing = tokio::spawn(async move {
        let (mut acknowledged, mut unknown) = (Vec::new(), Vec::new());
        for number in 0..COUNT {
            let restarting = (number % 200 == 100).then(|| {
                tokio::task::block_in_place(|| server.kill());
                tokio::task::block_in_place(|| server.start());
            });
            let published = publisher.publish(MessageEnvelope::new(number)).await;
            match published {
                Ok(()) => acknowledged.push(number),
                Err(error) => {
                    assert!(is_unknown(&error), "{error:?} {restarting:?}");
                    unknown.push(number);
                }
            }
        }
        (acknowledged, unknown, server)
    });
    let mut received: HashMap<u64, u32> = HashMap::new();
    let mut publishing = publishing;
    let (acknowledged, unknown, _server) = loop {
        tokio::select! {
            books = &mut publishing => break books.unwrap(),
            envelope = stream.recv() => {
                *received.entry(envelope.expect("a stream").message).or_default() += 1;
            }
        }
    };
    assert_eq!((acknowledged.len() + unknown.len()) as u64, COUNT, "every value has one entry");
    while !acknowledged.iter().all(|number| received.contains_key(number)) {
        let next = timeout(PATIENCE, stream.recv()).await;
        let next = next.unwrap_or_else(|_| {
            let lost = acknowledged.iter().filter(|number| !received.contains_key(number));
            panic!("acknowledged and lost: {:?}", lost.collect::<Vec<_>>())
        });
        *received.entry(next.expect("a stream").message).or_default() += 1;
    }
    assert!(received.keys().all(|number| *number < COUNT), "nothing came that was not published");
    assert!(broker.metrics().connections_lost >= 1);
}

/// After a restart a subscription of Pub/Sub is there again, and says that it was interrupted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_resubscribes_after_kill() {
    let mut server = Server::redis();
    let broker = RedisMessageBroker::<u64>::builder(server.url()).config(config());
    let broker = broker.connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    broker.publish(MessageEnvelope::new(0)).await.unwrap();
    assert_eq!(stream.recv().await.unwrap().message, 0);
    tokio::task::block_in_place(|| server.restart());
    // What is published before the subscription is there again is lost.
    let mut number = 0;
    let received = loop {
        number += 1;
        let _ = broker.publish(MessageEnvelope::new(number)).await;
        if let Ok(received) = timeout(Duration::from_millis(20), stream.recv()).await {
            break received.unwrap().message;
        }
        assert!(number < 10_000, "it never came back");
    };
    assert!((1..=number).contains(&received));
    assert!(broker.metrics().interruptions >= 1);
}

/// Stopped for longer than the ping interval and the time to answer: noticed, and made good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_noticed() {
    let server = Server::redis();
    let config = RemoteConfig { confirm: Duration::from_millis(300), ..config() };
    let broker = RedisMessageBroker::<u64>::builder(server.url()).config(config);
    let broker = broker.connect().await.unwrap();
    server.freeze();
    until(&broker, ConnectionState::Reconnecting).await;
    server.thaw();
    until(&broker, ConnectionState::Connected).await;
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
}

/// The server cuts off a subscriber that it cannot get rid of its messages to: noticed, counted, and the
/// subscription is made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn being_cut_off_is_noticed() {
    let limit = ["--client-output-buffer-limit", "pubsub 65536 65536 1"];
    let server = Server::redis_with(&limit);
    let broker = RedisMessageBroker::<Vec<u8>>::builder(server.url()).config(config());
    let broker = broker.connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    // More than the server keeps for a subscriber.
    broker.publish(MessageEnvelope::new(vec![0; 4 << 20])).await.unwrap();
    let mut tries = 0;
    let received = loop {
        tries += 1;
        broker.publish(MessageEnvelope::new(vec![1])).await.unwrap();
        if let Ok(received) = timeout(Duration::from_millis(20), stream.recv()).await {
            break received.unwrap().message;
        }
        assert!(tries < 10_000, "it never came back");
    };
    assert_eq!(received, [1]);
    assert!(broker.metrics().interruptions >= 1);
}

/// A stream that is too far behind: what has no room is dropped and counted, or the stream is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_stream_loses_what_is_counted() {
    const COUNT: u64 = 1_000;
    let server = Server::redis();
    for overflow in [Overflow::Block, Overflow::DropOldest] {
        let config = RemoteConfig { buffer: 64, overflow, ..config() };
        let broker = RedisMessageBroker::<u64>::builder(server.url()).config(config);
        let broker = broker.connect().await.unwrap();
        let mut stream = broker.subscribe().await.unwrap();
        for number in 0..COUNT {
            broker.publish(MessageEnvelope::new(number)).await.unwrap();
        }
        assert!(broker.shutdown().await);
        let mut received = Vec::new();
        while let Some(envelope) = stream.recv().await {
            received.push(envelope.message);
        }
        let metrics = broker.metrics();
        assert_eq!(metrics.received, COUNT);
        assert_eq!(received.len() as u64 + stream.missed() + metrics.dropped, COUNT);
        assert!(received.len() < COUNT as usize && received.is_sorted());
        assert_eq!(received.contains(&(COUNT - 1)), overflow == Overflow::DropOldest);
    }
}
