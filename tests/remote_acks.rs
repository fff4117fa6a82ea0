//! What the server writes down is acknowledged when it has been handled, and not before.

mod servers;

use std::collections::BTreeSet;
use std::time::Duration;

use servers::Server;
use stentor::{
    AckedStream, BrokerError, Delivery, Hook, JetStream, MessageBroker, MessageEnvelope,
    NatsBuilder, NatsMessageBroker, RedisBuilder, RedisMessageBroker, RedisStreams, RemoteError,
    RemoteSubscribe, ReplayFrom,
};
use tokio::time::timeout;

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(100);
/// What is not acknowledged comes again after this, or never as far as these tests are concerned.
const SOON: Duration = Duration::from_millis(200);
const NEVER: Duration = Duration::from_secs(3600);

fn workers() -> RemoteSubscribe {
    RemoteSubscribe::new().group("workers").from(ReplayFrom::Oldest)
}

async fn next(stream: &mut AckedStream<u64>) -> Delivery<u64> {
    timeout(PATIENCE, stream.recv()).await.expect("it comes").expect("the stream has ended")
}

async fn take(stream: &mut AckedStream<u64>, count: usize) -> Vec<Delivery<u64>> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(next(stream).await);
    }
    taken
}

/// How many deliveries the server has not had acknowledged.
async fn unacknowledged_by_jetstream(server: &Server) -> usize {
    let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let stream = context.get_stream("LOG").await.unwrap();
    stream.consumer_info("workers").await.unwrap().num_ack_pending
}

async fn unacknowledged_by_streams(server: &Server) -> usize {
    let client = redis::Client::open(server.url()).unwrap();
    let mut bare = client.get_multiplexed_async_connection().await.unwrap();
    let mut pending = redis::cmd("XPENDING");
    pending.arg("stentor").arg("workers").arg("-").arg("+").arg(10_000);
    let pending: Vec<redis::Value> = pending.query_async(&mut bare).await.unwrap();
    pending.len()
}

fn jetstream(url: String, again_after: Duration) -> NatsBuilder<u64> {
    let log = JetStream::new("LOG").ack_wait(again_after);
    NatsMessageBroker::<u64>::builder(url).jetstream(log)
}

fn streams(url: String, again_after: Duration) -> RedisBuilder<u64> {
    let streams = RedisStreams::new().claim_after(again_after);
    RedisMessageBroker::<u64>::builder(url).streams(streams)
}

macro_rules! tests {
    ($mode:ident, $server:expr, $unacknowledged:ident) => {
        mod $mode {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_not_acknowledged_comes_again() {
                let server = $server;
                let broker = $mode(server.url(), SOON).connect().await.unwrap();
                for number in 0..10 {
                    broker.publish(MessageEnvelope::new(number)).await.unwrap();
                }
                let mut first = broker.subscribe_acked(workers()).await.unwrap();
                // In another order than they came in.
                for delivery in take(&mut first, 10).await.into_iter().rev() {
                    if delivery.envelope.message % 2 == 0 {
                        delivery.ack_confirmed().await.unwrap();
                    }
                }
                drop(first);
                let mut second = broker.subscribe_acked(workers()).await.unwrap();
                let mut again = BTreeSet::new();
                while again.len() < 5 {
                    let delivery = next(&mut second).await;
                    assert!(delivery.is_redelivered());
                    again.insert(delivery.ack().message);
                }
                assert_eq!(again, BTreeSet::from([1, 3, 5, 7, 9]));
                assert!(broker.metrics().redelivered >= 5);
            }

            /// The server knows, when it is said that it does.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn the_server_knows() {
                let server = $server;
                let broker = $mode(server.url(), NEVER).connect().await.unwrap();
                for number in 0..100 {
                    broker.publish(MessageEnvelope::new(number)).await.unwrap();
                }
                let mut stream = broker.subscribe_acked(workers()).await.unwrap();
                let taken = take(&mut stream, 100).await;
                assert_eq!($unacknowledged(&server).await, 100);
                let mut left = 100;
                for (place, delivery) in taken.into_iter().enumerate() {
                    match place {
                        0..50 => drop(delivery.ack()),
                        // What was said before has been heard by then.
                        50 => delivery.ack_confirmed().await.unwrap(),
                        51..98 => delivery.ack_confirmed().await.unwrap(),
                        _ => {
                            drop(delivery);
                            continue;
                        }
                    }
                    left -= 1;
                }
                while $unacknowledged(&server).await > left {
                    tokio::task::yield_now().await;
                }
                assert_eq!($unacknowledged(&server).await, 2);
                assert_eq!(broker.metrics().failed_acks, 0);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_refused_comes_again_at_once() {
                let server = $server;
                let broker = $mode(server.url(), NEVER).connect().await.unwrap();
                broker.publish(MessageEnvelope::new(7)).await.unwrap();
                let mut stream = broker.subscribe_acked(workers()).await.unwrap();
                let delivery = next(&mut stream).await;
                assert!(!delivery.is_redelivered());
                assert_eq!(delivery.nack().message, 7);
                let delivery = next(&mut stream).await;
                assert!(delivery.is_redelivered());
                assert_eq!(delivery.ack().message, 7);
            }

            /// A message stream acknowledges each message when the next is asked for, and not before.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn asking_for_the_next_acknowledges() {
                let server = $server;
                let broker = $mode(server.url(), NEVER).connect().await.unwrap();
                for number in 0..3 {
                    broker.publish(MessageEnvelope::new(number)).await.unwrap();
                }
                let mut stream = broker.subscribe_with(workers()).await.unwrap();
                for number in 0..3 {
                    assert_eq!(stream.recv().await.unwrap().message, number);
                }
                let unacknowledged = async || $unacknowledged(&server).await;
                while unacknowledged().await > 1 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(unacknowledged().await, 1, "the last is being handled");
                assert!(stream.try_recv().is_err());
                while unacknowledged().await > 0 {
                    tokio::task::yield_now().await;
                }
            }

            /// A message may be acknowledged when the broker has been closed.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_is_in_hand_can_be_acknowledged_while_it_closes() {
                let server = $server;
                let broker = $mode(server.url(), NEVER).connect().await.unwrap();
                broker.publish(MessageEnvelope::new(1)).await.unwrap();
                let mut stream = broker.subscribe_acked(workers()).await.unwrap();
                let delivery = next(&mut stream).await;
                broker.close();
                delivery.ack_confirmed().await.unwrap();
                assert!(timeout(PATIENCE, stream.recv()).await.unwrap().is_none());
                drop(stream);
                assert!(broker.shutdown().await);
                assert_eq!($unacknowledged(&server).await, 0);
            }

            /// Who handles slowly leaves the rest to others.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn little_is_taken_in_advance_if_told() {
                let server = $server;
                let broker = $mode(server.url(), NEVER).connect().await.unwrap();
                let one = || workers().prefetch(1);
                let mut slow = broker.subscribe_acked(one()).await.unwrap();
                broker.publish(MessageEnvelope::new(0)).await.unwrap();
                let _in_hand = next(&mut slow).await;
                let mut quick = broker.subscribe_acked(one()).await.unwrap();
                for number in 1..=40 {
                    broker.publish(MessageEnvelope::new(number)).await.unwrap();
                }
                for _ in 0..32 {
                    drop(next(&mut quick).await.ack());
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn without_a_group_there_is_nothing_to_acknowledge() {
                let server = $server;
                let broker = $mode(server.url(), NEVER).connect().await.unwrap();
                let error = broker.subscribe_acked(RemoteSubscribe::new()).await.unwrap_err();
                assert_eq!(text(&error), "group of \"none\": expected one, for the server remembers what a group has handled");
            }

            /// Hooks are told of deliveries, and what expires while it waits to be received is a dead letter.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn hooks_are_told() {
                let server = $server;
                let delivered = Delivered::default();
                let broker = $mode(server.url(), NEVER).hooks(delivered.clone());
                let broker = broker.connect().await.unwrap();
                let mut stream = broker.subscribe_acked(workers()).await.unwrap();
                let mut brief = MessageEnvelope::new(1);
                brief.metadata.ttl = Some(stentor::Ttl::new(Duration::from_millis(50)));
                brief.metadata.timestamp = Some(stentor::Timestamp::now());
                broker.publish(brief.clone()).await.unwrap();
                broker.publish(MessageEnvelope::new(2)).await.unwrap();
                while !brief.metadata.is_expired() {
                    tokio::task::yield_now().await;
                }
                assert_eq!(next(&mut stream).await.ack().message, 2);
                assert_eq!(*delivered.0.lock().unwrap(), [2]);
                assert_eq!(broker.metrics().dead_letters.expired, 1);
            }
        }
    };
}

#[derive(Clone, Default)]
struct Delivered(std::sync::Arc<std::sync::Mutex<Vec<u64>>>);

impl Hook<u64> for Delivered {
    fn on_deliver(&self, envelope: &MessageEnvelope<u64>, subscription: &str) {
        assert_eq!(subscription, "workers");
        self.0.lock().unwrap().push(envelope.message);
    }
}

fn text(error: &BrokerError<u64>) -> String {
    let source = std::error::Error::source(error).expect("a source");
    source.downcast_ref::<RemoteError>().expect("what went wrong").to_string()
}

tests!(jetstream, Server::nats(), unacknowledged_by_jetstream);
tests!(streams, Server::redis(), unacknowledged_by_streams);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_written_down_cannot_be_acknowledged() {
    let (nats, redis) = (Server::nats(), Server::redis());
    let nats = NatsMessageBroker::<u64>::builder(nats.url()).connect().await.unwrap();
    let redis = RedisMessageBroker::<u64>::builder(redis.url()).connect().await.unwrap();
    let group = || RemoteSubscribe::new().group("workers");
    let expected =
        "subscribe_acked of \"a server that keeps nothing\": expected JetStream or Redis Streams";
    assert_eq!(text(&nats.subscribe_acked(group()).await.unwrap_err()), expected);
    assert_eq!(text(&redis.subscribe_acked(group()).await.unwrap_err()), expected);
}
