//! What the broker of Redis does beyond what every broker has to.

mod servers;

use std::time::Duration;

use servers::{Certificate, Server};
use stentor::{
    BrokerError, EntryId, MessageBroker, MessageEnvelope, MessageStream, Published, RedisBuilder,
    RedisMessageBroker, RedisStreams, RemoteError, RemoteSubscribe, ReplayFrom, RequestError,
    Topic,
};

const LONG: Duration = Duration::from_secs(60);

fn builder(server: &Server) -> RedisBuilder<u64> {
    RedisMessageBroker::<u64>::builder(server.url())
}

async fn connect(server: &Server) -> RedisMessageBroker<u64> {
    builder(server).connect().await.expect("a connection")
}

async fn numbers(stream: &mut MessageStream<u64>, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(stream.recv().await.expect("the stream has ended").message);
    }
    numbers
}

fn about(topic: &str, number: u64) -> MessageEnvelope<u64> {
    MessageEnvelope::new(number).with_topic(Topic::new(topic).unwrap())
}

/// By both modes: patterns are exact, although those of Redis are not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_channels() {
    let server = Server::redis();
    for (prefix, streams) in [("live", None), ("log", Some(RedisStreams::new()))] {
        let mut builder = builder(&server).prefix(prefix);
        if let Some(streams) = streams {
            builder = builder.streams(streams);
        }
        let broker = builder.connect().await.unwrap();
        let only = |pattern: &str| RemoteSubscribe::new().topic(pattern).unwrap();
        let mut new = broker.subscribe_with(only("orders.*.new")).await.unwrap();
        let mut odd = broker.subscribe_with(only("odd[1]?.>")).await.unwrap();
        let topics = ["orders.eu.new", "orders.eu.x.new", "odd1x.a", "odd[1]?.a", "orders.us.new"];
        for (number, topic) in (0..).zip(topics) {
            broker.publish(about(topic, number)).await.unwrap();
        }
        assert_eq!(numbers(&mut new, 2).await, [0, 4]);
        assert_eq!(numbers(&mut odd, 1).await, [3]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_not_a_time_out() {
    let server = Server::redis();
    let (broker, replier) = (connect(&server).await, connect(&server).await);
    let refused = broker.request::<u64>(MessageEnvelope::new(1), LONG * 60).await;
    assert!(matches!(refused, Err(RequestError::NoSubscribers(request)) if request.message == 1));
    let mut requests = replier.subscribe().await.unwrap();
    let short = Duration::from_millis(20);
    let timed_out = broker.request::<u64>(MessageEnvelope::new(3), short).await;
    assert!(matches!(timed_out, Err(RequestError::TimedOut(request)) if request.message == 3));
    assert_eq!(numbers(&mut requests, 1).await, [3]);
    let replying = async {
        let request = requests.recv().await.unwrap();
        replier.publish(request.reply(request.message + 1)).await.unwrap();
    };
    let asking = broker.request::<u64>(MessageEnvelope::new(41), LONG);
    assert_eq!(tokio::join!(asking, replying).0.unwrap().message, 42);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_down_is_replayed() {
    let server = Server::redis();
    let broker = builder(&server).streams(RedisStreams::new()).connect().await.unwrap();
    let mut entries = Vec::new();
    for number in 0..10 {
        match broker.publish_outcome(MessageEnvelope::new(number)).await.unwrap() {
            Published::Acked { entry, duplicate: false } => entries.push(entry),
            other => panic!("{other:?}"),
        }
    }
    assert!(entries.is_sorted());
    let from = |from| broker.subscribe_with(RemoteSubscribe::new().from(from));
    let mut all = from(ReplayFrom::Oldest).await.unwrap();
    assert_eq!(numbers(&mut all, 10).await, (0..10).collect::<Vec<_>>());
    let mut late = from(ReplayFrom::Entry(entries[7])).await.unwrap();
    assert_eq!(numbers(&mut late, 3).await, [7, 8, 9]);
    assert!(from(ReplayFrom::Entry(EntryId::Sequence(1))).await.is_err());
    let live = connect(&server).await;
    let options = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    assert!(live.subscribe_with(options).await.is_err());
    let grouped = live.subscribe_with(RemoteSubscribe::new().group("g")).await.unwrap_err();
    assert!(matches!(grouped, BrokerError::Backend { .. }));
}

/// A group shares the work, and what one member has not handled goes to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_handled_goes_to_another() {
    let server = Server::redis();
    let streams = RedisStreams::new().claim_after(Duration::from_millis(100));
    let broker = builder(&server).streams(streams).connect().await.unwrap();
    let workers = || RemoteSubscribe::new().group("workers");
    let mut first = broker.subscribe_with(workers()).await.unwrap();
    for number in 1..=2 {
        broker.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    assert_eq!(numbers(&mut first, 2).await, [1, 2]);
    drop(first);
    let mut second = broker.subscribe_with(workers()).await.unwrap();
    assert_eq!(numbers(&mut second, 1).await, [2]);
    assert!(broker.metrics().redelivered >= 1);
    broker.publish(MessageEnvelope::new(3)).await.unwrap();
    loop {
        // While 2 is not acknowledged in time it may come once more.
        match numbers(&mut second, 1).await[0] {
            2 => {}
            number => break assert_eq!(number, 3),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_trimmed() {
    let server = Server::redis();
    let broker = builder(&server).streams(RedisStreams::new().max_messages(100));
    let broker = broker.connect().await.unwrap();
    for number in 0..1_000 {
        broker.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut stream = broker.subscribe_with(oldest).await.unwrap();
    // Redis trims whole nodes of 100 entries.
    assert!(numbers(&mut stream, 1).await[0] >= 700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_kept() {
    let server = Server::redis();
    let broker = connect(&server).await;
    let mut undecodable = broker.undecodable();
    let mut stream = broker.subscribe().await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut bare = client.get_multiplexed_async_connection().await.unwrap();
    let mut publish = redis::cmd("PUBLISH");
    publish.arg("stentor:-:a").arg("hello");
    publish.query_async::<()>(&mut bare).await.unwrap();
    let letter = undecodable.recv_async().await.unwrap();
    assert_eq!((&*letter.source, &*letter.bytes), ("stentor:-:a", &b"hello"[..]));
    assert_eq!(letter.error.to_string(), "the first byte is 0x68: expected 0x53");
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(numbers(&mut stream, 1).await, [1]);
    assert_eq!(broker.metrics().undecodable, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_checked_and_not_shown() {
    let server = Server::redis_with(&["--requirepass", "swordfish"]);
    let wrong = builder(&server).password("herring");
    assert!(!format!("{wrong:?}").contains("herring"));
    for builder in [wrong, builder(&server), builder(&server).user("ann", "herring")] {
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, RemoteError::Unauthorized(_)), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("herring"));
    }
    let broker = builder(&server).password("swordfish").connect().await.unwrap();
    assert!(!format!("{broker:?}").contains("swordfish"));
    let nobody = format!("redis://ann:secret@127.0.0.1:{}", servers::free_port());
    let error = RedisMessageBroker::<u64>::builder(nobody).connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Connect(_)), "{error:?}");
    let error = RedisMessageBroker::<u64>::builder("ann:secret").connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Config { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("secret"));
}

/// TLS with a certificate that is trusted, and without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_checked() {
    let certificate = Certificate::new();
    let tls_port = servers::free_port().to_string();
    let _server = Server::redis_with(&[
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        certificate.file.to_str().unwrap(),
        "--tls-key-file",
        certificate.key.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://localhost:{tls_port}");
    let error = RedisMessageBroker::<u64>::builder(&url).connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Tls(_)), "{error:?}");
    let broker = RedisMessageBroker::<u64>::builder(&url).root_certificates(&certificate.file);
    let broker = broker.connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(numbers(&mut stream, 1).await, [1]);
}
