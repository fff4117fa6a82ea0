//! NATS goes away, comes back, stalls: the books are balanced.

mod proxy;
mod servers;

use std::collections::HashMap;
use std::time::Duration;

use proxy::{Mode, Proxy};
use servers::Server;
use stentor::{
    Backoff, BrokerError, ConnectionState, JetStream, MessageBroker, MessageEnvelope,
    NatsMessageBroker, Outage, RemoteConfig, RemoteError, RemoteSubscribe, ReplayFrom,
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

/// What its publisher knows of each value.
#[derive(Default)]
struct Books {
    acknowledged: Vec<u64>,
    /// It may have been published, or not.
    unknown: Vec<u64>,
    /// It certainly was not.
    failed: Vec<u64>,
}

impl Books {
    fn enter(&mut self, number: u64, published: Result<(), BrokerError<u64>>) {
        match published {
            Ok(()) => self.acknowledged.push(number),
            Err(error) => {
                let source = std::error::Error::source(&error).expect("a source");
                match source.downcast_ref::<RemoteError>().expect("its kind") {
                    RemoteError::Unconfirmed(_) => self.unknown.push(number),
                    RemoteError::Disconnected { .. } => self.failed.push(number),
                    other => panic!("{other}"),
                }
                assert_eq!(error.into_envelope().expect("the message").message, number);
            }
        }
    }

    /// All that was acknowledged is there; what failed is not; nothing is there that was not published.
    fn balance(&self, received: &HashMap<u64, u32>, published: u64) {
        let entries = self.acknowledged.len() + self.unknown.len() + self.failed.len();
        assert_eq!(entries as u64, published, "every value has one entry");
        for number in &self.acknowledged {
            assert!(received.contains_key(number), "{number} was acknowledged, and is lost");
        }
        for number in &self.failed {
            assert!(!received.contains_key(number), "{number} was not published, and came");
        }
        for number in received.keys() {
            assert!(*number < published, "{number} was never published");
        }
    }
}

async fn until(broker: &NatsMessageBroker<u64>, wanted: ConnectionState) {
    let mut state = broker.state();
    let reached = timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await;
    reached.unwrap_or_else(|_| panic!("never {wanted:?}")).expect("a broker");
}

/// Killed and restarted in the middle: nothing that JetStream has acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jetstream_survives_kill() {
    const COUNT: u64 = 600;
    let mut server = Server::nats();
    let broker = NatsMessageBroker::<u64>::builder(server.url())
        .config(config())
        .jetstream(JetStream::new("LOG"));
    let broker = broker.connect().await.unwrap();
    let workers = RemoteSubscribe::new().group("workers").from(ReplayFrom::Oldest);
    let mut stream = broker.subscribe_with(workers).await.unwrap();
    let publisher = broker.clone();
    let publishing = tokio::spawn(async move {
        let mut books = Books::default();
        for number in 0..COUNT {
            if number % 200 == 100 {
                tokio::task::block_in_place(|| server.kill());
                let restarting = tokio::task::spawn_blocking(move || {
                    server.start();
                    server
                });
                books.enter(number, publisher.publish(MessageEnvelope::new(number)).await);
                server = restarting.await.unwrap();
            } else {
                books.enter(number, publisher.publish(MessageEnvelope::new(number)).await);
            }
        }
        (books, server)
    });
    let mut received = HashMap::new();
    let (books, _server) = {
        let mut publishing = publishing;
        loop {
            tokio::select! {
                books = &mut publishing => break books.unwrap(),
                envelope = stream.recv() => {
                    *received.entry(envelope.expect("a stream").message).or_default() += 1;
                }
            }
        }
    };
    while !books.acknowledged.iter().all(|number| received.contains_key(number)) {
        let next = timeout(PATIENCE, stream.recv()).await;
        let next = next.unwrap_or_else(|_| {
            let lost = books.acknowledged.iter().filter(|number| !received.contains_key(number));
            panic!("acknowledged and lost: {:?}", lost.collect::<Vec<_>>())
        });
        *received.entry(next.expect("a stream").message).or_default() += 1;
    }
    books.balance(&received, COUNT);
    assert!(broker.metrics().connections_lost >= 3);
}

/// Without JetStream what was not confirmed may be lost in an outage, and nothing else may happen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_resubscribes_after_kill() {
    let mut server = Server::nats();
    let broker = NatsMessageBroker::<u64>::builder(server.url()).config(config()).flush_each();
    let broker = broker.connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    let mut books = Books::default();
    let mut published = 0;
    for _ in 0..3 {
        for _ in 0..50 {
            books.enter(published, broker.publish(MessageEnvelope::new(published)).await);
            published += 1;
        }
        tokio::task::block_in_place(|| server.restart());
        // Whether it is known already that the connection is lost or not.
        books.enter(published, broker.publish(MessageEnvelope::new(published)).await);
        published += 1;
    }
    until(&broker, ConnectionState::Connected).await;
    let mut last = MessageEnvelope::new(published);
    while broker.publish(last.clone()).await.is_err() {
        last = MessageEnvelope::new(published);
    }
    let mut received: HashMap<u64, u32> = HashMap::new();
    let mut order = Vec::new();
    while let Some(envelope) = timeout(PATIENCE, stream.recv()).await.expect("the last comes") {
        if envelope.message == published {
            break;
        }
        order.push(envelope.message);
        *received.entry(envelope.message).or_default() += 1;
    }
    assert!(order.is_sorted(), "order is kept");
    assert!(received.values().all(|count| *count == 1), "at most once");
    // What was flushed had been passed on before, for the subscription has the same connection.
    books.balance(&received, published);
    assert!(order.iter().any(|number| *number >= 102), "nothing came after the last restart");
}

/// Stopped for longer than the ping interval: noticed, and made good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_noticed() {
    let server = Server::nats();
    let broker = NatsMessageBroker::<u64>::builder(server.url()).config(config());
    let broker = broker.connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    server.freeze();
    until(&broker, ConnectionState::Reconnecting).await;
    server.thaw();
    until(&broker, ConnectionState::Connected).await;
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    broker.publish(MessageEnvelope::new(2)).await.unwrap();
    let received = timeout(PATIENCE, stream.recv()).await.expect("it comes").unwrap();
    assert!([1, 2].contains(&received.message));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_outage_a_publish_fails_or_waits_as_told() {
    let mut server = Server::nats();
    for outage in [Outage::Fail, Outage::Wait(Duration::from_millis(10))] {
        let config = RemoteConfig { outage, ..config() };
        let broker = NatsMessageBroker::<u64>::builder(server.url()).config(config);
        let broker = broker.connect().await.unwrap();
        server.kill();
        until(&broker, ConnectionState::Reconnecting).await;
        let mut books = Books::default();
        books.enter(7, broker.publish(MessageEnvelope::new(7)).await);
        assert_eq!(books.failed, [7]);
        server.start();
        until(&broker, ConnectionState::Connected).await;
        broker.publish(MessageEnvelope::new(8)).await.unwrap();
        assert!(broker.metrics().connections_lost >= 1);
    }
}

/// A network that delays, stalls, and is cut: with JetStream and the same message again and again until it is
/// acknowledged, every message is written down exactly once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_network_costs_nothing() {
    const COUNT: u64 = 120;
    let server = Server::nats();
    let proxy = Proxy::to(server.port()).await;
    let url = format!("nats://127.0.0.1:{}", proxy.port());
    let short = Duration::from_millis(500);
    let config = RemoteConfig { confirm: short, outage: Outage::Wait(short), ..config() };
    let broker = NatsMessageBroker::<u64>::builder(url).config(config);
    let broker = broker.jetstream(JetStream::new("LOG")).connect().await.unwrap();
    for number in 0..COUNT {
        proxy.spoil(number);
        let envelope = MessageEnvelope::new(number);
        while broker.publish(envelope.clone()).await.is_err() {
            proxy.set(Mode::Pass);
        }
    }
    // By another way, for the whole truth.
    let reader = NatsMessageBroker::<u64>::builder(server.url()).jetstream(JetStream::new("LOG"));
    let reader = reader.connect().await.unwrap();
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut stream = reader.subscribe_with(oldest).await.unwrap();
    for number in 0..COUNT {
        let received = timeout(PATIENCE, stream.recv()).await.expect("it comes").unwrap();
        assert_eq!(received.message, number);
    }
}

#[cfg(feature = "inspect")]
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_on_sees_the_outage() {
    let mut server = Server::nats();
    let broker = NatsMessageBroker::<u64>::builder(server.url()).config(config());
    let broker = broker.connect().await.unwrap();
    let inspector = stentor::inspect::Inspector::new("test");
    inspector.nats("uplink", &broker);
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    let seen = || inspector.snapshot().remotes.remove(0);
    let before = seen();
    assert_eq!((before.name.as_str(), before.backend.as_str()), ("uplink", "nats"));
    assert_eq!((before.state.as_str(), before.published), ("connected", 1));

    server.kill();
    until(&broker, ConnectionState::Reconnecting).await;
    let during = seen();
    assert_eq!((during.state.as_str(), during.connections_lost), ("reconnecting", 1));
    server.start();
    until(&broker, ConnectionState::Connected).await;
    assert_eq!(seen().state, "connected");
    drop(broker);
    while !inspector.snapshot().remotes.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
