//! What is published in an outage is kept, bounded, in order, and either sent or a dead letter.

mod proxy;
mod servers;

use std::time::Duration;

use proxy::{Mode, Proxy};
use servers::Server;
use stentor::{
    Backoff, BrokerConfig, BrokerError, ConnectionState, CorrelationId, DeadLetterReason,
    JetStream, MessageBroker, MessageEnvelope, NatsBuilder, NatsMessageBroker, Outage, Published,
    RedisBuilder, RedisMessageBroker, RedisStreams, RemoteConfig, RemoteError, RemoteSubscribe,
    ReplayFrom, Ttl,
};
use tokio::time::timeout;

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(100);
/// As many messages as are kept.
const ROOM: u64 = 100;

fn config() -> RemoteConfig {
    RemoteConfig {
        outage: Outage::Buffer { messages: ROOM as usize, bytes: 1 << 20 },
        confirm: Duration::from_secs(5),
        drain: PATIENCE,
        backoff: Backoff { first: Duration::from_millis(5), most: Duration::from_millis(50) },
        ..RemoteConfig::default()
    }
}

fn error_of(error: &BrokerError<u64>) -> &RemoteError {
    let source = std::error::Error::source(error).expect("a source");
    source.downcast_ref().expect("what went wrong")
}

fn core(url: String) -> NatsBuilder<u64> {
    NatsMessageBroker::<u64>::builder(url).flush_each()
}

fn jetstream(url: String) -> NatsBuilder<u64> {
    NatsMessageBroker::<u64>::builder(url).jetstream(JetStream::new("LOG"))
}

fn pubsub(url: String) -> RedisBuilder<u64> {
    RedisMessageBroker::<u64>::builder(url)
}

fn streams(url: String) -> RedisBuilder<u64> {
    RedisMessageBroker::<u64>::builder(url).streams(RedisStreams::new())
}

macro_rules! tests {
    ($mode:ident, $server:expr, $scheme:literal, keeps: $keeps:literal) => {
        mod $mode {
            use super::*;

            /// A server, a proxy in front of it, and a broker behind that.
            macro_rules! behind_a_proxy {
                ($config:expr) => {{
                    let server = $server;
                    let proxy = Proxy::to(server.port()).await;
                    let url = format!("{}://127.0.0.1:{}", $scheme, proxy.port());
                    let broker = $mode(url).config($config).connect().await.unwrap();
                    (server, proxy, broker)
                }};
            }

            macro_rules! until {
                ($broker:expr, $state:ident) => {{
                    let mut state = $broker.state();
                    let reached = state.wait_for(|state| *state == ConnectionState::$state);
                    drop(timeout(PATIENCE, reached).await.expect("it never was"));
                }};
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_sent_in_order_and_bounded() {
                let (server, proxy, broker) = behind_a_proxy!(config());
                let reader = $mode(server.url()).connect().await.unwrap();
                let mut stream = reader.subscribe().await.unwrap();
                let first = broker.publish_outcome(MessageEnvelope::new(0)).await.unwrap();
                assert_ne!(first, Published::Buffered);
                proxy.set(Mode::Cut);
                until!(broker, Reconnecting);
                for number in 1..=ROOM {
                    let kept = broker.publish_outcome(MessageEnvelope::new(number)).await;
                    assert_eq!(kept.unwrap(), Published::Buffered);
                }
                let full = broker.publish(MessageEnvelope::new(ROOM + 1)).await.unwrap_err();
                let RemoteError::BufferFull { messages, bytes, size } = *error_of(&full) else {
                    panic!("{full:?}")
                };
                assert_eq!(messages as u64, ROOM);
                assert!(bytes >= messages * size / 2 && size > 1, "{bytes} {size}");
                assert_eq!(full.into_envelope().unwrap().message, ROOM + 1);
                let metrics = broker.metrics();
                assert_eq!((metrics.buffered, metrics.buffer_messages as u64), (ROOM, ROOM));
                assert_eq!(metrics.buffer_bytes, bytes);
                proxy.set(Mode::Pass);
                until!(broker, Connected);
                // What is published now waits for all that was kept.
                let last = broker.publish_outcome(MessageEnvelope::new(ROOM + 1)).await.unwrap();
                assert_ne!(last, Published::Buffered);
                for number in 0..=ROOM + 1 {
                    let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                    assert_eq!(next.unwrap().message, number);
                }
                let metrics = broker.metrics();
                assert_eq!((metrics.buffer_messages, metrics.buffer_bytes), (0, 0));
                assert_eq!(metrics.published, ROOM + 2);
                assert_eq!(metrics.dead_letters.total(), 0);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_bounded_by_bytes() {
                let bytes = 500;
                let outage = Outage::Buffer { messages: usize::MAX, bytes };
                let config = RemoteConfig { outage, drain: Duration::ZERO, ..config() };
                let (_server, proxy, broker) = behind_a_proxy!(config);
                proxy.set(Mode::Cut);
                until!(broker, Reconnecting);
                let mut kept = 0;
                let refused = loop {
                    match broker.publish(MessageEnvelope::new(7)).await {
                        Ok(()) => kept += 1,
                        Err(error) => break error,
                    }
                };
                let RemoteError::BufferFull { bytes: used, size, .. } = *error_of(&refused) else {
                    panic!("{refused:?}")
                };
                assert!(used <= bytes && used + size > bytes, "{used} {size}");
                assert!(kept > 1 && kept <= 30, "{kept}");
            }

            /// No connection until the end: nothing is lost unseen.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_a_dead_letter_at_the_end() {
                let config = RemoteConfig { drain: Duration::from_millis(50), ..config() };
                let (_server, proxy, broker) = behind_a_proxy!(config);
                let mut dead = broker.dead_letters();
                proxy.set(Mode::Cut);
                until!(broker, Reconnecting);
                for number in 0..10 {
                    broker.publish(MessageEnvelope::new(number)).await.unwrap();
                }
                assert!(!broker.shutdown().await, "not all has been sent");
                for number in 0..10 {
                    let letter = dead.try_recv().unwrap();
                    assert_eq!(letter.envelope.message, number);
                    assert_eq!(letter.reason, DeadLetterReason::Unsent);
                }
                assert_eq!(broker.metrics().dead_letters.unsent, 10);
                assert_eq!(broker.metrics().buffer_messages, 0);
                let closed = broker.publish(MessageEnvelope::new(10)).await;
                assert!(matches!(closed, Err(BrokerError::Closed(_))));
            }

            /// The connection comes back while the broker is being shut down.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_sent_at_the_end_if_it_can_be() {
                let (server, proxy, broker) = behind_a_proxy!(config());
                let reader = $mode(server.url()).connect().await.unwrap();
                let mut stream = reader.subscribe().await.unwrap();
                proxy.set(Mode::Cut);
                until!(broker, Reconnecting);
                for number in 0..ROOM {
                    broker.publish(MessageEnvelope::new(number)).await.unwrap();
                }
                broker.close();
                until!(broker, Closed);
                proxy.set(Mode::Pass);
                assert!(broker.shutdown().await);
                for number in 0..ROOM {
                    let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                    assert_eq!(next.unwrap().message, number);
                }
                assert_eq!(broker.metrics().dead_letters.total(), 0);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_not_sent_when_it_has_expired() {
                let (server, proxy, broker) = behind_a_proxy!(config());
                let reader = $mode(server.url()).connect().await.unwrap();
                let mut stream = reader.subscribe().await.unwrap();
                let mut dead = broker.dead_letters();
                proxy.set(Mode::Cut);
                until!(broker, Reconnecting);
                let mut brief = MessageEnvelope::new(1);
                brief.metadata.ttl = Some(Ttl::new(Duration::from_millis(30)));
                brief.metadata.timestamp = Some(stentor::Timestamp::now());
                broker.publish(brief.clone()).await.unwrap();
                broker.publish(MessageEnvelope::new(2)).await.unwrap();
                while !brief.metadata.is_expired() {
                    tokio::task::yield_now().await;
                }
                proxy.set(Mode::Pass);
                let letter = timeout(PATIENCE, dead.recv_async()).await.unwrap().unwrap();
                assert_eq!(letter.reason, DeadLetterReason::Expired);
                assert_eq!(letter.envelope.message, 1);
                let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                assert_eq!(next.unwrap().message, 2);
            }

            /// Requests are not kept: they wait until they can be sent.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn requests_wait() {
                let (server, proxy, broker) = behind_a_proxy!(config());
                let replier = $mode(server.url()).connect().await.unwrap();
                let mut requests = replier.subscribe().await.unwrap();
                let replying = tokio::spawn(async move {
                    while let Some(request) = requests.recv().await {
                        if request.metadata.correlation_id.is_some() && request.message < 100 {
                            replier.publish(request.reply(request.message + 100)).await.unwrap();
                        }
                    }
                });
                // Replies are listened for already; and this is before the outage.
                let reply = broker.request::<u64>(MessageEnvelope::new(1), PATIENCE).await.unwrap();
                assert_eq!(reply.message, 101);
                proxy.set(Mode::Cut);
                until!(broker, Reconnecting);
                let short = Duration::from_millis(20);
                let asked = MessageEnvelope::new(2).with_correlation_id(CorrelationId::new());
                let late = broker.publish_request::<u64>(asked, short).await.unwrap();
                assert!(late.is_none(), "{late:?}");
                assert_eq!(broker.metrics().buffered, 0);
                proxy.set(Mode::Pass);
                until!(broker, Connected);
                let mut tries = 0;
                let reply = loop {
                    // On Redis replies are listened for on a connection of its own, which may take longer.
                    let asked = broker.request::<u64>(MessageEnvelope::new(3), short * 10).await;
                    match asked {
                        Ok(reply) => break reply,
                        Err(error) => assert!(tries < 500, "{error:?}"),
                    }
                    tries += 1;
                };
                assert_eq!(reply.message, 103);
                replying.abort();
            }

            /// A network that breaks again and again: what was accepted comes, or is a dead letter.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn books_balance_on_a_bad_network() {
                const COUNT: u64 = 2_000;
                let outage = Outage::Buffer { messages: COUNT as usize, bytes: 1 << 20 };
                let (server, proxy, broker) = behind_a_proxy!(RemoteConfig {
                    outage,
                    confirm: Duration::from_secs(1),
                    broker: BrokerConfig { dead_letters: 4096, ..BrokerConfig::default() },
                    ..config()
                });
                let roomy = RemoteConfig { buffer: 2 * COUNT as usize, ..config() };
                let reader = $mode(server.url()).config(roomy).connect().await.unwrap();
                let options = RemoteSubscribe::new();
                let options = if $keeps { options.from(ReplayFrom::Oldest) } else { options };
                let mut stream = reader.subscribe_with(options).await.unwrap();
                let mut dead = broker.dead_letters();
                let (mut accepted, mut unknown) = (Vec::new(), 0);
                for number in 0..COUNT {
                    match number % 200 {
                        50 => proxy.set(Mode::Cut),
                        100 => proxy.set(Mode::Pass),
                        _ => {}
                    }
                    match broker.publish(MessageEnvelope::new(number)).await {
                        Ok(()) => accepted.push(number),
                        Err(error) => {
                            // It was on its way when the connection broke.
                            let error = error_of(&error);
                            assert!(matches!(error, RemoteError::Unconfirmed(_)), "{error:?}");
                            unknown += 1;
                        }
                    }
                }
                proxy.set(Mode::Pass);
                assert!(unknown <= COUNT / 100, "few for each outage: {unknown}");
                let flushing = async { while broker.flush().await.is_err() {} };
                timeout(PATIENCE, flushing).await.expect("it never was");
                let last = COUNT + 1;
                while broker.publish(MessageEnvelope::new(last)).await.is_err() {}
                let mut received = std::collections::BTreeSet::new();
                loop {
                    let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                    match next.unwrap().message {
                        number if number == last => break,
                        number => assert!(received.insert(number) || $keeps, "{number} twice"),
                    }
                }
                let mut lost = Vec::new();
                while lost.len() as u64 != broker.metrics().dead_letters.unsent {
                    let letter = dead.try_recv().unwrap();
                    assert_eq!(letter.reason, DeadLetterReason::Unsent);
                    lost.push(letter.envelope.message);
                }
                if $keeps {
                    assert_eq!(lost, [0; 0]);
                }
                for number in accepted {
                    let is_there = received.contains(&number) || lost.contains(&number);
                    assert!(is_there, "{number} was accepted, and is lost");
                }
                assert!(broker.metrics().buffered > 0);
            }
        }
    };
}

tests!(core, Server::nats(), "nats", keeps: false);
tests!(jetstream, Server::nats(), "nats", keeps: true);
tests!(pubsub, Server::redis(), "redis", keeps: false);
tests!(streams, Server::redis(), "redis", keeps: true);
