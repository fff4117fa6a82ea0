//! What the broker of NATS does beyond what every broker has to.

mod servers;

use std::time::Duration;

use servers::{Certificate, Server};
use stentor::{
    BrokerError, CorrelationId, EntryId, Hook, JetStream, MessageBroker, MessageEnvelope,
    MessageStream, NatsBuilder, NatsMessageBroker, Published, RemoteError, RemoteSubscribe,
    ReplayFrom, RequestError, Topic,
};

const LONG: Duration = Duration::from_secs(60);

fn builder(server: &Server) -> NatsBuilder<u64> {
    NatsMessageBroker::<u64>::builder(server.url())
}

async fn connect(server: &Server) -> NatsMessageBroker<u64> {
    builder(server).connect().await.expect("a connection")
}

async fn numbers<M: stentor::Message>(stream: &mut MessageStream<M>, count: usize) -> Vec<M> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(stream.recv().await.expect("the stream has ended").message);
    }
    numbers
}

fn about(topic: &str, number: u64) -> MessageEnvelope<u64> {
    MessageEnvelope::new(number).with_topic(Topic::new(topic).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_subjects() {
    let server = Server::nats();
    let (here, there) = (connect(&server).await, connect(&server).await);
    let only = |pattern: &str| RemoteSubscribe::new().topic(pattern).unwrap();
    let mut new = there.subscribe_with(only("orders.*.new")).await.unwrap();
    let mut orders = there.subscribe_with(only("orders.>")).await.unwrap();
    for (number, topic) in (0..).zip(["orders.eu.new", "orders.eu.old", "users", "orders.us.new"]) {
        here.publish(about(topic, number)).await.unwrap();
    }
    here.publish(MessageEnvelope::new(9)).await.unwrap();
    here.publish(about("orders.x.new", 10)).await.unwrap();
    assert_eq!(numbers(&mut new, 3).await, [0, 3, 10]);
    assert_eq!(numbers(&mut orders, 4).await, [0, 1, 3, 10]);
}

/// Who speaks NATS and knows nothing of this crate finds a message where the documentation says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anybody_can_read_along() {
    use futures_util::StreamExt;
    let server = Server::nats();
    let bare = async_nats::connect(server.url()).await.unwrap();
    let mut subscriber = bare.subscribe("stentor.*.*.orders.>").await.unwrap();
    bare.flush().await.unwrap();
    let broker = NatsMessageBroker::<u64>::with_codec(server.url(), stentor::Json);
    let broker = broker.connect().await.unwrap();
    let id = CorrelationId::new();
    // Until the subscription is known to the server, nobody hears.
    let message = loop {
        broker.publish(about("orders.eu", 7).with_correlation_id(id)).await.unwrap();
        let next = tokio::time::timeout(Duration::from_millis(50), subscriber.next()).await;
        if let Ok(Some(message)) = next {
            break message;
        }
    };
    let origin = &id.to_string()[..16];
    assert_eq!(message.subject.as_str(), format!("stentor.-.{origin}.orders.eu"));
    assert_eq!(&*message.payload, b"7");
    let headers = message.headers.unwrap();
    assert_eq!(headers.get("Stentor").unwrap().as_str(), "1 json");
    assert_eq!(headers.get("Stentor-Topic").unwrap().as_str(), "orders.eu");
    assert_eq!(headers.get("Stentor-Correlation-Id").unwrap().as_str(), id.to_string());
}

/// A group shares the work: each message goes to one of its members.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_share() {
    const COUNT: u64 = 200;
    let server = Server::nats();
    let (here, there) = (connect(&server).await, connect(&server).await);
    let workers = || RemoteSubscribe::new().group("workers");
    let first = here.subscribe_with(workers()).await.unwrap();
    let second = there.subscribe_with(workers()).await.unwrap();
    for number in 0..COUNT {
        here.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    here.flush().await.unwrap();
    let mut seen = Vec::new();
    for (broker, mut stream) in [(here, first), (there, second)] {
        assert!(broker.shutdown().await);
        let before = seen.len();
        while let Some(envelope) = stream.recv().await {
            seen.push(envelope.message);
        }
        assert!(seen.len() > before, "one of two has got nothing of {COUNT}");
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..COUNT).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_not_a_time_out() {
    let server = Server::nats();
    let broker = connect(&server).await;
    // Far less than `LONG`, or the test would hang.
    let refused = broker.request::<u64>(MessageEnvelope::new(1), LONG * 60).await;
    assert!(matches!(refused, Err(RequestError::NoSubscribers(request)) if request.message == 1));
    let asked = MessageEnvelope::new(2).with_correlation_id(CorrelationId::new());
    let refused = broker.publish_request::<u64>(asked, LONG * 60).await;
    assert!(matches!(refused, Err(BrokerError::NoSubscribers(request)) if request.message == 2));
    let _silent = broker.subscribe().await.unwrap();
    let short = Duration::from_millis(20);
    let timed_out = broker.request::<u64>(MessageEnvelope::new(3), short).await;
    assert!(matches!(timed_out, Err(RequestError::TimedOut(request)) if request.message == 3));
}

/// A reply over another connection, by this crate or by a bare client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_come_from_anywhere() {
    use futures_util::StreamExt;
    let server = Server::nats();
    let (asker, replier) = (connect(&server).await, connect(&server).await);
    let mut requests = replier.subscribe().await.unwrap();
    let replying = tokio::spawn(async move {
        let request = requests.recv().await.unwrap();
        replier.publish(request.reply(request.message + 1)).await.unwrap();
    });
    let reply = asker.request::<u64>(MessageEnvelope::new(41), LONG).await.unwrap();
    assert_eq!(reply.message, 42);
    replying.await.unwrap();

    let bare = async_nats::connect(server.url()).await.unwrap();
    let mut requests = bare.subscribe("stentor.>").await.unwrap();
    let probe = bare.request("stentor.probe", "".into());
    // The server has had the subscription once it brings a message to it.
    let _ = tokio::join!(tokio::time::timeout(Duration::from_millis(500), probe), requests.next());
    let asking = asker.request::<u64>(MessageEnvelope::new(1), LONG);
    let replying = async {
        let reply_to = requests.next().await.unwrap().reply.unwrap();
        bare.publish(reply_to, vec![7].into()).await.unwrap();
    };
    assert_eq!(tokio::join!(asking, replying).0.unwrap().message, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_says_what_is_known() {
    let server = Server::nats();
    let broker = connect(&server).await;
    let buffered = broker.publish_outcome(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(buffered, Published::Buffered);
    let broker = builder(&server).flush_each().connect().await.unwrap();
    let flushed = broker.publish_outcome(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(flushed, Published::Flushed);
    let broker = builder(&server).prefix("log").jetstream(JetStream::new("LOG").in_memory());
    let broker = broker.connect().await.unwrap();
    let envelope = MessageEnvelope::new(1);
    for duplicate in [false, true] {
        let acked = broker.publish_outcome(envelope.clone()).await.unwrap();
        assert_eq!(acked, Published::Acked { entry: EntryId::Sequence(1), duplicate });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_down_is_replayed() {
    let server = Server::nats();
    let broker = builder(&server).jetstream(JetStream::new("LOG")).connect().await.unwrap();
    for number in 1..=10 {
        broker.publish(MessageEnvelope::new(number)).await.unwrap();
    }
    let from = |from| broker.subscribe_with(RemoteSubscribe::new().from(from));
    let mut all = from(ReplayFrom::Oldest).await.unwrap();
    assert_eq!(numbers(&mut all, 10).await, (1..=10).collect::<Vec<_>>());
    let mut late = from(ReplayFrom::Entry(EntryId::Sequence(8))).await.unwrap();
    assert_eq!(numbers(&mut late, 3).await, [8, 9, 10]);
    let mut timed = from(ReplayFrom::Time(stentor::Timestamp::from_nanos(1))).await.unwrap();
    assert_eq!(numbers(&mut timed, 2).await, [1, 2]);
    let found = from(ReplayFrom::Entry(EntryId::Timed(1, 1))).await.unwrap_err();
    assert!(matches!(found, BrokerError::Backend { .. }));
    // Without JetStream there is nothing to replay.
    let core = connect(&server).await;
    let options = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    assert!(core.subscribe_with(options).await.is_err());
}

/// A consumer that is gone between receiving and the next leaves its message to others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_handled_comes_again() {
    let server = Server::nats();
    let log = || JetStream::new("LOG").ack_wait(Duration::from_millis(200));
    let broker = builder(&server).jetstream(log()).connect().await.unwrap();
    let workers = || RemoteSubscribe::new().group("workers");
    let mut first = broker.subscribe_with(workers()).await.unwrap();
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    broker.publish(MessageEnvelope::new(2)).await.unwrap();
    assert_eq!(numbers(&mut first, 2).await, [1, 2]);
    drop(first);
    let mut second = broker.subscribe_with(workers()).await.unwrap();
    assert_eq!(numbers(&mut second, 1).await, [2]);
    assert!(broker.metrics().redelivered >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_refuses() {
    let server = Server::nats();
    let log = JetStream::new("LOG").max_bytes(2_000).refuse_when_full();
    let broker = builder(&server).jetstream(log).connect().await.unwrap();
    let mut accepted = 0;
    let refused = loop {
        match broker.publish(MessageEnvelope::new(accepted)).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    let source = std::error::Error::source(&refused).unwrap();
    let source = source.downcast_ref::<RemoteError>().unwrap();
    assert!(matches!(source, RemoteError::Refused(_)), "{source:?}");
    assert!(source.to_string().contains("maximum bytes"), "{source}");
    assert_eq!(refused.into_envelope().unwrap().message, accepted);
    let oldest = RemoteSubscribe::new().from(ReplayFrom::Oldest);
    let mut stream = broker.subscribe_with(oldest).await.unwrap();
    let all = numbers(&mut stream, accepted as usize).await;
    assert_eq!(all, (0..accepted).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_kept() {
    let server = Server::nats();
    let broker = connect(&server).await;
    let mut undecodable = broker.undecodable();
    let mut stream = broker.subscribe().await.unwrap();
    let bare = async_nats::connect(server.url()).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    bare.publish("stentor.-.-.a", "hello".into()).await.unwrap();
    headers.insert("Stentor", "9 postcard");
    bare.publish_with_headers("stentor.-.-.b", headers.clone(), "hi".into()).await.unwrap();
    headers.insert("Stentor", "1 postcard");
    headers.insert("Nats-Msg-Id", "no id");
    bare.publish_with_headers("stentor.-.-.c", headers, "hi".into()).await.unwrap();
    bare.flush().await.unwrap();
    for (source, bytes, error) in [
        ("stentor.-.-.a", &b"hello"[..], "no Stentor"),
        ("stentor.-.-.b", b"hi", "version \"9\": expected \"1\""),
        ("stentor.-.-.c", b"hi", "the Nats-Msg-Id is \"no id\""),
    ] {
        let letter = undecodable.recv_async().await.unwrap();
        assert_eq!((&*letter.source, &*letter.bytes), (source, bytes));
        assert!(letter.error.to_string().starts_with(error), "{}", letter.error);
    }
    assert_eq!(broker.metrics().undecodable, 3);
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(numbers(&mut stream, 1).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_comes_back() {
    let server = Server::nats();
    let broker = NatsMessageBroker::<Vec<u8>>::builder(server.url()).connect().await.unwrap();
    for size in [(8 << 20) + 1, (8 << 20) - 8] {
        // The first is too large for us, the second for the server (there are headers, too).
        let refused = broker.publish(MessageEnvelope::new(vec![0; size])).await.unwrap_err();
        assert_eq!(refused.into_envelope().unwrap().message.len(), size);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_checked_and_not_shown() {
    let users = "authorization { users = [ { user: ann, password: swordfish } ] }";
    let server = Server::nats_with(users);
    let wrong = builder(&server).user("ann", "herring");
    assert!(!format!("{wrong:?}").contains("herring"));
    let error = wrong.connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Unauthorized(_)), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("herring"));
    let broker = builder(&server).user("ann", "swordfish").connect().await.unwrap();
    assert!(!format!("{broker:?}").contains("swordfish"));

    let server = Server::nats_with("authorization { token: \"open sesame\" }");
    let error = builder(&server).token("open barley").connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Unauthorized(_)), "{error:?}");
    builder(&server).token("open sesame").connect().await.unwrap();

    let nobody = format!("nats://ann:secret@127.0.0.1:{}", servers::free_port());
    let nobody = NatsMessageBroker::<u64>::builder(nobody);
    assert!(!format!("{nobody:?}").contains("secret"));
    let error = nobody.connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Connect(_)), "{error:?}");
    let error = builder(&server).prefix("two words").connect().await.unwrap_err();
    assert!(error.to_string().contains("\"two words\""), "{error}");
}

/// TLS with a certificate that is trusted, and without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_checked() {
    let Certificate { file, key, .. } = &Certificate::new();
    let server = Server::nats_with(&format!("tls {{ cert_file: {file:?}, key_file: {key:?} }}"));
    let builder = || {
        let url = format!("tls://localhost:{}", server.port());
        NatsMessageBroker::<u64>::builder(url).require_tls()
    };
    let error = builder().connect().await.unwrap_err();
    assert!(matches!(error, RemoteError::Tls(_)), "{error:?}");
    let broker = builder().root_certificates(file).connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    broker.publish(MessageEnvelope::new(1)).await.unwrap();
    assert_eq!(numbers(&mut stream, 1).await, [1]);
}

/// Hooks run as on a broker of one process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_run() {
    struct Even;
    impl Hook<u64> for Even {
        fn before_publish(
            &self,
            envelope: &mut MessageEnvelope<u64>,
        ) -> Result<(), stentor::Rejection> {
            if envelope.message.is_multiple_of(2) {
                return Ok(());
            }
            Err(stentor::Rejection::new("even", "it is odd"))
        }
    }
    let server = Server::nats();
    let broker = builder(&server).hooks(Even).connect().await.unwrap();
    let mut stream = broker.subscribe().await.unwrap();
    let refused = broker.publish(MessageEnvelope::new(1)).await.unwrap_err();
    assert_eq!(refused.to_string(), "rejected by even: it is odd");
    broker.publish(MessageEnvelope::new(2)).await.unwrap();
    assert_eq!(numbers(&mut stream, 1).await, [2]);
}
