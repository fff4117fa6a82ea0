//! Many messages, large ones, and bad networks: what was published is what came, was dropped and counted, or is said to
//! be unknown.
//!
//! `STENTOR_MESSAGES=1000000 cargo test --features nats,redis --test remote_books many` sends a million on each backend.

mod proxy;
mod servers;

use std::collections::HashMap;
use std::time::Duration;

use proxy::{Mode, Proxy};
use servers::Server;
use stentor::{
    Backoff, BrokerError, JetStream, MessageBroker, MessageEnvelope, NatsBuilder,
    NatsMessageBroker, Outage, RedisBuilder, RedisMessageBroker, RedisStreams, RemoteConfig,
    RemoteError, RemoteSubscribe, ReplayFrom,
};
use tokio::time::timeout;

/// Whoever waits longer than this waits for ever.
const PATIENCE: Duration = Duration::from_secs(100);

/// How many publishers there are.
const PUBLISHERS: u64 = 32;

/// How many messages of each of them.
fn count() -> u64 {
    let messages = std::env::var("STENTOR_MESSAGES").ok().map(|it| it.parse().expect("a number"));
    messages.unwrap_or(20_000) / PUBLISHERS
}

type Body = Vec<u8>;

fn core(url: String) -> NatsBuilder<Body> {
    NatsMessageBroker::<Body>::builder(url)
}

fn jetstream(url: String) -> NatsBuilder<Body> {
    NatsMessageBroker::<Body>::builder(url).jetstream(JetStream::new("LOG"))
}

fn pubsub(url: String) -> RedisBuilder<Body> {
    RedisMessageBroker::<Body>::builder(url)
}

fn streams(url: String) -> RedisBuilder<Body> {
    RedisMessageBroker::<Body>::builder(url).streams(RedisStreams::new())
}

/// A publisher and the number of its message.
fn body(publisher: u64, number: u64) -> Body {
    [publisher.to_le_bytes(), number.to_le_bytes()].concat()
}

fn read(body: &[u8]) -> (u64, u64) {
    let (publisher, number) = body.split_at(8);
    let number_of = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    (number_of(publisher), number_of(number))
}

/// What came of each publisher: in order, each at most once.
#[derive(Default)]
struct Seen(HashMap<u64, u64>);

impl Seen {
    fn enter(&mut self, body: &[u8]) {
        let (publisher, number) = read(body);
        let next = self.0.entry(publisher).or_default();
        assert!(number >= *next, "{number} of {publisher} comes late or twice: expected {next}");
        *next = number + 1;
    }
}

macro_rules! tests {
    ($mode:ident, $server:expr, keeps: $keeps:literal) => {
        mod $mode {
            use super::*;

            /// Each message is received once, in the order of its publisher, or dropped and counted.
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn many() {
                let (server, count) = ($server, count());
                let (confirm, drain) = (PATIENCE, PATIENCE);
                let config = || RemoteConfig { confirm, drain, ..RemoteConfig::default() };
                let there = $mode(server.url()).config(config()).connect().await.unwrap();
                let reader = $mode(server.url()).config(config()).connect().await.unwrap();
                let options = RemoteSubscribe::new();
                let options = if $keeps { options.group("readers") } else { options };
                let mut stream = reader.subscribe_with(options).await.unwrap();
                let publishing: Vec<_> = (0..PUBLISHERS)
                    .map(|publisher| {
                        let there = there.clone();
                        tokio::spawn(async move {
                            for number in 0..count {
                                let envelope = MessageEnvelope::new(body(publisher, number));
                                there.publish(envelope).await.unwrap();
                            }
                        })
                    })
                    .collect();
                let published = tokio::spawn(async move {
                    for publishing in publishing {
                        publishing.await.unwrap();
                    }
                    there.flush().await.unwrap();
                });
                let (mut seen, mut received) = (Seen::default(), 0);
                if $keeps {
                    while received < PUBLISHERS * count {
                        let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                        seen.enter(&next.expect("a stream").message);
                        received += 1;
                    }
                    published.await.unwrap();
                } else {
                    let counting = tokio::spawn(async move {
                        while let Some(envelope) = stream.recv().await {
                            seen.enter(&envelope.message);
                            received += 1;
                        }
                        received
                    });
                    published.await.unwrap();
                    reader.shutdown().await;
                    received = counting.await.unwrap();
                }
                let metrics = reader.metrics();
                let (came, dropped) = (received, metrics.dropped);
                let (all, lost) = (PUBLISHERS * count, metrics.connections_lost);
                println!("{all}: {came} received, {dropped} dropped, {lost} connections lost");
                // A server cuts off who is too slow for it; the rest is in the books.
                let is_balanced = came + dropped == all || (lost > 0 && came + dropped < all);
                assert!(is_balanced, "{came} + {dropped} of {all}, {lost} connections lost");
                assert!(!$keeps || dropped == 0);
                assert_eq!(metrics.undecodable, 0);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn a_mebibyte_each() {
                let server = $server;
                let there = $mode(server.url()).connect().await.unwrap();
                let here = $mode(server.url()).connect().await.unwrap();
                let mut stream = here.subscribe().await.unwrap();
                for number in 0..8_u8 {
                    let large: Body = (0..1 << 20).map(|at: u32| at as u8 ^ number).collect();
                    there.publish(MessageEnvelope::new(large.clone())).await.unwrap();
                    let next = timeout(PATIENCE, stream.recv()).await.expect("it comes");
                    assert!(next.unwrap().message == large, "message {number} is another");
                }
            }
        }
    };
}

tests!(core, Server::nats(), keeps: false);
tests!(jetstream, Server::nats(), keeps: true);
tests!(pubsub, Server::redis(), keeps: false);
tests!(streams, Server::redis(), keeps: true);

// ===== a bad network =====

fn impatient() -> RemoteConfig {
    let short = Duration::from_millis(500);
    RemoteConfig {
        confirm: short,
        outage: Outage::Wait(short),
        ping_interval: Duration::from_millis(200),
        backoff: Backoff { first: Duration::from_millis(10), most: Duration::from_millis(100) },
        ..RemoteConfig::default()
    }
}

/// Published again until it is acknowledged, each message is there, in order; and again if its
/// acknowledgement was lost, which the books know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_on_a_bad_network_lose_nothing() {
    const COUNT: u64 = 120;
    let server = Server::redis();
    let proxy = Proxy::to(server.port()).await;
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let broker = streams(url).config(impatient()).connect().await.unwrap();
    let mut unknown = vec![0; COUNT as usize];
    for number in 0..COUNT {
        proxy.spoil(number);
        let envelope = MessageEnvelope::new(body(0, number));
        while let Err(error) = broker.publish(envelope.clone()).await {
            unknown[number as usize] += u32::from(is_unknown(&error));
            proxy.set(Mode::Pass);
        }
    }
    // By another way, for the whole truth.
    let reader = streams(server.url()).connect().await.unwrap();
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut stream = reader.subscribe_with(oldest).await.unwrap();
    reader.publish(MessageEnvelope::new(body(0, COUNT))).await.unwrap();
    let mut times = vec![0; COUNT as usize];
    let mut last = 0;
    loop {
        let received = timeout(PATIENCE, stream.recv()).await.expect("it comes").unwrap();
        let (_, number) = read(&received.message);
        if number == COUNT {
            break;
        }
        assert!(number == last || number == last + 1, "{number} behind {last}");
        last = number;
        times[number as usize] += 1;
    }
    for (number, (times, unknown)) in times.into_iter().zip(&unknown).enumerate() {
        let most = 1 + unknown;
        assert!((1..=most).contains(&times), "{number} is there {times} times: at most {most}");
    }
    assert!(unknown.iter().sum::<u32>() >= 1, "the network was not bad");
}

/// The subscriber's network is bad: it is subscribed again each time and says so; what comes, comes in order, and once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub_on_a_bad_network_comes_back() {
    let server = Server::redis();
    let proxy = Proxy::to(server.port()).await;
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    let subscriber = pubsub(url).config(impatient()).connect().await.unwrap();
    let publisher = pubsub(server.url()).connect().await.unwrap();
    let mut stream = subscriber.subscribe().await.unwrap();
    let (mut seen, mut number, mut interruptions) = (Seen::default(), 0, 0);
    let modes = [Mode::Delay(Duration::from_millis(2)), Mode::Cut, Mode::Stall, Mode::HalfClose];
    for mode in modes {
        proxy.set(mode);
        let publish_next = async |number: &mut u64| {
            publisher.publish(MessageEnvelope::new(body(0, *number))).await.unwrap();
            *number += 1;
        };
        let breaks = !matches!(mode, Mode::Delay(_));
        while breaks && subscriber.metrics().interruptions == interruptions {
            publish_next(&mut number).await;
            tokio::task::yield_now().await;
        }
        proxy.set(Mode::Pass);
        // Until something comes that was published since.
        let since = number;
        loop {
            publish_next(&mut number).await;
            let next = timeout(Duration::from_millis(20), stream.recv()).await;
            let Ok(next) = next else { continue };
            let next = next.expect("a stream").message;
            seen.enter(&next);
            if read(&next).1 >= since {
                break;
            }
        }
        interruptions = subscriber.metrics().interruptions;
    }
    assert!(interruptions >= 3, "{interruptions}");
}

fn is_unknown(error: &BrokerError<Body>) -> bool {
    let source = std::error::Error::source(error).expect("a source");
    match source.downcast_ref::<RemoteError>().expect("what went wrong") {
        RemoteError::Unconfirmed(_) => true,
        RemoteError::Disconnected { .. } => false,
        other => panic!("{other}"),
    }
}

// ===== no room =====

/// The disk that JetStream may use is full: a publish fails, comes back, and costs none of what is there, also
/// when the server is killed then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_keeps_what_it_has() {
    let mut server = Server::nats_with_quota(100_000);
    let broker = jetstream(server.url()).connect().await.unwrap();
    let mut accepted = 0;
    let refused = loop {
        let envelope = MessageEnvelope::new([body(0, accepted), vec![0; 1_000]].concat());
        match broker.publish(envelope).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 1_000, "there is no quota");
    };
    let source = std::error::Error::source(&refused).unwrap();
    let source = source.downcast_ref::<RemoteError>().unwrap();
    assert!(matches!(source, RemoteError::Refused(_)), "{source:?}");
    assert!(source.to_string().contains("resource"), "{source}");
    assert_eq!(read(&refused.into_envelope().unwrap().message[..16]).1, accepted);
    assert!(accepted > 10);
    broker.shutdown().await;
    tokio::task::block_in_place(|| server.restart());
    let broker = jetstream(server.url()).connect().await.unwrap();
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut stream = broker.subscribe_with(oldest).await.unwrap();
    for number in 0..accepted {
        let received = timeout(PATIENCE, stream.recv()).await.expect("it comes").unwrap();
        assert_eq!(read(&received.message[..16]).1, number);
    }
}
