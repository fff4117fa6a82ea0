//! What every broker has to do, as tests that run on any.
//!
//! Implement [`Backend`] for whatever makes brokers of your kind, and call [`run`] (or the functions one by one)
//! from a test:
//!
//! ```
//! use stentor::conformance::{Backend, run};
//! use stentor::{InMemoryMessageBroker, MessageBroker};
//!
//! struct Memory;
//!
//! impl Backend for Memory {
//!     type Broker = InMemoryMessageBroker<Vec<u8>>;
//!
//!     fn broker(&self) -> Self::Broker {
//!         InMemoryMessageBroker::<Vec<u8>>::builder().build()
//!     }
//!
//!     fn close(&self, broker: &Self::Broker) {
//!         broker.shutdown();
//!     }
//! }
//!
//! futures_executor::block_on(run(&Memory));
//! ```
//!
//! The futures need an executor only if the broker does. They may be large: on a small stack, box them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::broker::broker::MessageBroker;
use crate::broker::error::BrokerError;
use crate::broker::stream::MessageStream;
use crate::envelope::{ActorAddress, CorrelationId, MessageEnvelope, Timestamp, Topic};

/// Makes the brokers that the tests run on. Their messages are bytes.
pub trait Backend {
    /// A broker.
    type Broker: MessageBroker<Vec<u8>, Error: Into<BrokerError<Vec<u8>>>>;

    /// A fresh broker, which shares no messages with others.
    fn broker(&self) -> Self::Broker;

    /// Closes it.
    fn close(&self, broker: &Self::Broker);

    /// How many messages a subscriber that does not read may be behind without holding anybody up. The
    /// tests publish so many and then read.
    fn room(&self) -> usize {
        64
    }

    /// Longer than any reply takes.
    fn long(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// How long a test waits for a reply that does not come.
    fn short(&self) -> Duration {
        Duration::from_millis(20)
    }
}

type Envelope = MessageEnvelope<Vec<u8>>;

/// Runs all of them.
///
/// # Panics
/// Where the broker does not do as it should.
pub async fn run<B: Backend>(backend: &B) {
    keeps_order(backend).await;
    keeps_metadata(backend).await;
    subscribers_are_independent(backend).await;
    newcomers_see_what_follows(backend).await;
    loses_nothing(backend).await;
    carries_large_messages(backend).await;
    correlates_replies(backend).await;
    shows_replies_to_all(backend).await;
    times_out(backend).await;
    survives_cancellation(backend).await;
    refuses_requests_without_id(backend).await;
    gives_back_what_it_cannot_publish(backend).await;
    drains_when_closed(backend).await;
}

/// Messages of one publisher keep their order.
pub async fn keeps_order<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    for number in 0..backend.room() as u32 {
        publish(&broker, MessageEnvelope::new(number.to_le_bytes().to_vec())).await;
    }
    for number in 0..backend.room() as u32 {
        assert_eq!(recv(&mut stream).await.message, number.to_le_bytes());
    }
}

/// An envelope arrives as it was sent: every field, also in other scripts, and also none at all.
pub async fn keeps_metadata<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    let bare = MessageEnvelope::new(Vec::new()).with_timestamp(Timestamp::now());
    publish(&broker, bare.clone()).await;
    assert_eq!(recv(&mut stream).await, bare);
    for topic in ["a", "orders.eu.new", "größe.größer", "价格.上海", "🦀"] {
        let full = MessageEnvelope::new(topic.as_bytes().to_vec())
            .with_sender(ActorAddress::new())
            .with_recipient(ActorAddress::new())
            .with_reply_to(ActorAddress::new())
            .with_correlation_id(CorrelationId::new())
            .with_topic(Topic::new(topic).expect("a topic"))
            .with_timestamp(Timestamp::now())
            .with_ttl(backend.long());
        publish(&broker, full.clone()).await;
        assert_eq!(recv(&mut stream).await, full);
    }
}

/// Every subscriber gets every message, and one that does not read holds up nobody (within its room).
pub async fn subscribers_are_independent<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let (mut first, mut second) = (subscribe(&broker).await, subscribe(&broker).await);
    let gone = subscribe(&broker).await;
    drop(gone);
    for number in 0..backend.room() as u8 {
        publish(&broker, MessageEnvelope::new(vec![number])).await;
        assert_eq!(recv(&mut first).await.message, [number]);
    }
    for number in 0..backend.room() as u8 {
        assert_eq!(recv(&mut second).await.message, [number]);
    }
}

/// Who subscribes sees what is published afterwards.
pub async fn newcomers_see_what_follows<B: Backend>(backend: &B) {
    let broker = backend.broker();
    publish(&broker, MessageEnvelope::new(vec![1])).await;
    let mut stream = subscribe(&broker).await;
    publish(&broker, MessageEnvelope::new(vec![2])).await;
    assert_eq!(recv(&mut stream).await.message, [2]);
}

/// 100,000 messages, published while they are read: none is lost or seen twice.
pub async fn loses_nothing<B: Backend>(backend: &B) {
    const COUNT: u32 = 100_000;
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    let mut publishing = pin!(async {
        for number in 0..COUNT {
            publish(&broker, MessageEnvelope::new(number.to_le_bytes().to_vec())).await;
        }
    });
    let mut is_published = false;
    let mut reading = pin!(async {
        for number in 0..COUNT {
            assert_eq!(recv(&mut stream).await.message, number.to_le_bytes());
        }
        assert_eq!(stream.missed(), 0);
    });
    poll_fn(|cx| {
        is_published = is_published || publishing.as_mut().poll(cx).is_ready();
        reading.as_mut().poll(cx)
    })
    .await;
}

/// A message of 1 MiB.
pub async fn carries_large_messages<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    let large: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    publish(&broker, MessageEnvelope::new(large.clone())).await;
    assert!(recv(&mut stream).await.message == large);
}

/// Each of several pending requests gets its own reply, whatever the order of the replies.
pub async fn correlates_replies<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    let (mut first, mut second) = (
        pin!(broker.publish_request::<Vec<u8>>(question(1), backend.long())),
        pin!(broker.publish_request::<Vec<u8>>(question(2), backend.long())),
    );
    let requests = both_requests(&mut stream, first.as_mut(), second.as_mut()).await;
    for request in requests.iter().rev() {
        publish(&broker, request.reply(vec![request.message[0] + 10])).await;
    }
    let answers = (answer::<B>(first.await), answer::<B>(second.await));
    assert_eq!(answers.0.expect("a reply").message, [11]);
    assert_eq!(answers.1.expect("a reply").message, [12]);
}

/// Subscribers see requests and replies.
pub async fn shows_replies_to_all<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let (mut stream, mut audit) = (subscribe(&broker).await, subscribe(&broker).await);
    let question = question(1);
    let id = question.metadata.correlation_id;
    let mut asking = pin!(broker.publish_request::<Vec<u8>>(question, backend.long()));
    let request = while_asking(asking.as_mut(), recv(&mut stream)).await;
    publish(&broker, request.reply(vec![2])).await;
    assert_eq!(answer::<B>(asking.await).expect("a reply").message, [2]);
    for message in [1, 2] {
        let seen = recv(&mut audit).await;
        assert_eq!((seen.message, seen.metadata.correlation_id), (vec![message], id));
    }
}

/// Without a reply in time there is `None`, and other messages do not count as one.
pub async fn times_out<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    let mut asking = pin!(broker.publish_request::<Vec<u8>>(question(1), backend.short()));
    let unrelated = question(2).reply(vec![3]);
    while_asking(asking.as_mut(), recv(&mut stream)).await;
    publish(&broker, unrelated).await;
    assert!(answer::<B>(asking.await).is_none());
    assert_eq!(recv(&mut stream).await.message, [3]);
}

/// Requests and receptions that are dropped leave the broker as it was.
pub async fn survives_cancellation<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    for _ in 0..backend.room() / 2 {
        let mut asking = pin!(broker.publish_request::<Vec<u8>>(question(1), backend.long()));
        poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx).is_ready())).await;
    }
    let mut asking = pin!(broker.publish_request::<Vec<u8>>(question(9), backend.long()));
    let request = loop {
        let request = while_asking(asking.as_mut(), recv(&mut stream)).await;
        if request.message == [9] {
            break request;
        }
    };
    {
        let mut receiving = pin!(stream.recv());
        assert!(poll_fn(|cx| Poll::Ready(receiving.as_mut().poll(cx).is_pending())).await);
    }
    publish(&broker, request.reply(vec![10])).await;
    assert_eq!(answer::<B>(asking.await).expect("a reply").message, [10]);
    assert_eq!(recv(&mut stream).await.message, [10]);
}

/// A request without a correlation id comes back.
pub async fn refuses_requests_without_id<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let request = MessageEnvelope::new(vec![7]);
    match broker.publish_request::<Vec<u8>>(request, backend.short()).await.map_err(Into::into) {
        Err(BrokerError::MissingCorrelationId(request)) => assert_eq!(request.message, [7]),
        other => panic!("a request without a correlation id was not refused: {other:?}"),
    }
}

/// What is published or asked at a closed broker comes back.
pub async fn gives_back_what_it_cannot_publish<B: Backend>(backend: &B) {
    let broker = backend.broker();
    backend.close(&broker);
    match broker.publish(MessageEnvelope::new(vec![7])).await.map_err(Into::into) {
        Err(BrokerError::Closed(envelope)) => assert_eq!(envelope.message, [7]),
        other => panic!("a closed broker published: {other:?}"),
    }
    match broker.publish_request::<Vec<u8>>(question(8), backend.long()).await.map_err(Into::into) {
        Err(BrokerError::Closed(envelope)) => assert_eq!(envelope.message, [8]),
        other => panic!("a closed broker took a request: {other:?}"),
    }
}

/// Closing ends streams once they have received what was accepted, and pending requests at once.
pub async fn drains_when_closed<B: Backend>(backend: &B) {
    let broker = backend.broker();
    let mut stream = subscribe(&broker).await;
    let mut asking = pin!(broker.publish_request::<Vec<u8>>(question(1), backend.long()));
    while_asking(asking.as_mut(), recv(&mut stream)).await;
    publish(&broker, MessageEnvelope::new(vec![2])).await;
    publish(&broker, MessageEnvelope::new(vec![3])).await;
    backend.close(&broker);
    match asking.await.map_err(Into::into) {
        Err(BrokerError::Closed(request)) => assert_eq!(request.message, [1]),
        other => panic!("a pending request did not end as closed: {other:?}"),
    }
    for message in [2, 3] {
        assert_eq!(recv(&mut stream).await.message, [message]);
    }
    assert!(stream.recv().await.is_none());
    assert!(stream.recv().await.is_none());
}

// ===== what the tests share =====

fn question(message: u8) -> Envelope {
    MessageEnvelope::new(vec![message]).with_correlation_id(CorrelationId::new())
}

async fn subscribe<B: MessageBroker<Vec<u8>>>(broker: &B) -> MessageStream<Vec<u8>> {
    broker.subscribe().await.unwrap_or_else(|error| panic!("cannot subscribe: {error}"))
}

async fn publish<B: MessageBroker<Vec<u8>>>(broker: &B, envelope: Envelope) {
    broker.publish(envelope).await.unwrap_or_else(|error| panic!("cannot publish: {error}"));
}

async fn recv(stream: &mut MessageStream<Vec<u8>>) -> Envelope {
    stream.recv().await.expect("the stream has ended")
}

fn answer<B: Backend>(
    answer: Result<Option<Envelope>, <B::Broker as MessageBroker<Vec<u8>>>::Error>,
) -> Option<Envelope> {
    answer.unwrap_or_else(|error| panic!("the request failed: {error}"))
}

/// What `other` gives, while a request is under way that must not be over before.
async fn while_asking<A: Future, T>(
    mut asking: std::pin::Pin<&mut A>,
    other: impl Future<Output = T>,
) -> T {
    let mut other = pin!(other);
    poll_fn(|cx| {
        assert!(asking.as_mut().poll(cx).is_pending(), "the request was over too early");
        other.as_mut().poll(cx)
    })
    .await
}

/// The two requests, as a subscriber sees them.
async fn both_requests<A: Future, B: Future>(
    stream: &mut MessageStream<Vec<u8>>,
    mut first: std::pin::Pin<&mut A>,
    second: std::pin::Pin<&mut B>,
) -> [Envelope; 2] {
    let receiving = async { [recv(stream).await, recv(stream).await] };
    while_asking(first.as_mut(), while_asking(second, receiving)).await
}
