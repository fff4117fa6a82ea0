//! Stentor's brokers over NATS and Redis, as they are unless said.

use std::{future::Future, marker::PhantomData};

use stentor::{
    ActorAddress, BrokerError, JetStream, MessageBroker, MessageEnvelope, MessageStream,
    NatsMessageBroker, RedisMessageBroker, RedisStreams, RemoteSubscribe, RequestError,
};

use super::TIME_OUT;
use crate::{
    contract::{Ask, PublishAsync, ReceiveAsync},
    remote::{Backend, Remote},
    workload::{Message, Sink},
};

/// Core NATS.
pub struct NatsCore;
/// JetStream.
pub struct NatsJetStream;
/// Redis Pub/Sub.
pub struct RedisPubSub;
/// Redis Streams.
pub struct RedisLog;

/// The group of the modes that have acknowledgements.
const GROUP: &str = "perf";

/// A broker of one kind.
pub trait Kind: 'static {
    /// The kind.
    const BACKEND: Backend;
    /// The broker.
    type Broker: Requests;

    /// Connects.
    fn connect(url: &str) -> impl Future<Output = Self::Broker> + Send;
    /// Subscribes, in a group where there are acknowledgements.
    fn subscribe(broker: &Self::Broker) -> impl Future<Output = Stream> + Send;
}

/// What is received.
type Stream = MessageStream<Message>;

/// A broker that tells what became of a request.
pub trait Requests: MessageBroker<Message, Error = BrokerError<Message>> {
    /// Asks.
    fn ask(
        &self,
        request: MessageEnvelope<Message>,
    ) -> impl Future<Output = Result<MessageEnvelope<Message>, RequestError<Message>>> + Send;
}

impl Requests for NatsMessageBroker<Message> {
    fn ask(
        &self,
        request: MessageEnvelope<Message>,
    ) -> impl Future<Output = Result<MessageEnvelope<Message>, RequestError<Message>>> + Send {
        self.request(request, TIME_OUT)
    }
}

impl Requests for RedisMessageBroker<Message> {
    fn ask(
        &self,
        request: MessageEnvelope<Message>,
    ) -> impl Future<Output = Result<MessageEnvelope<Message>, RequestError<Message>>> + Send {
        self.request(request, TIME_OUT)
    }
}

impl Kind for NatsCore {
    const BACKEND: Backend = Backend::Nats;
    type Broker = NatsMessageBroker<Message>;

    async fn connect(url: &str) -> Self::Broker {
        NatsMessageBroker::builder(url).connect().await.expect("a connection")
    }

    async fn subscribe(broker: &Self::Broker) -> Stream {
        broker.subscribe().await.expect("a subscription")
    }
}

impl Kind for NatsJetStream {
    const BACKEND: Backend = Backend::JetStream;
    type Broker = NatsMessageBroker<Message>;

    async fn connect(url: &str) -> Self::Broker {
        let builder = NatsMessageBroker::builder(url).jetstream(JetStream::new("perf"));
        builder.connect().await.expect("a connection")
    }

    async fn subscribe(broker: &Self::Broker) -> Stream {
        let options = RemoteSubscribe::new().group(GROUP);
        broker.subscribe_with(options).await.expect("a subscription")
    }
}

impl Kind for RedisPubSub {
    const BACKEND: Backend = Backend::Redis;
    type Broker = RedisMessageBroker<Message>;

    async fn connect(url: &str) -> Self::Broker {
        RedisMessageBroker::builder(url).connect().await.expect("a connection")
    }

    async fn subscribe(broker: &Self::Broker) -> Stream {
        broker.subscribe().await.expect("a subscription")
    }
}

impl Kind for RedisLog {
    const BACKEND: Backend = Backend::RedisStreams;
    type Broker = RedisMessageBroker<Message>;

    async fn connect(url: &str) -> Self::Broker {
        let builder = RedisMessageBroker::builder(url).streams(RedisStreams::new());
        builder.connect().await.expect("a connection")
    }

    async fn subscribe(broker: &Self::Broker) -> Stream {
        let options = RemoteSubscribe::new().group(GROUP);
        broker.subscribe_with(options).await.expect("a subscription")
    }
}

/// A broker of kind `K`.
pub struct Over<K>(PhantomData<K>);

/// What publishes, and asks.
#[derive(Clone)]
pub struct Broker<B> {
    /// The broker.
    broker: B,
    /// Who answers.
    service: ActorAddress,
}

impl<K: Kind> Remote for Over<K> {
    const BACKEND: Backend = K::BACKEND;
    type Publisher = Broker<K::Broker>;
    type Subscriber = Stream;
    type Asker = Broker<K::Broker>;

    async fn open(url: &str) -> (Self::Publisher, Stream) {
        let broker = K::connect(url).await;
        let stream = K::subscribe(&broker).await;
        (Broker { broker, service: ActorAddress::new() }, stream)
    }

    async fn answer(url: &str) -> Self::Asker {
        // Another connection, as in another process.
        let (replier, service) = (K::connect(url).await, ActorAddress::new());
        let mut requests = K::subscribe(&replier).await;
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                // The replies come by as well.
                if request.metadata.recipient == Some(service) {
                    let reply = request.reply(request.message.answer());
                    replier.publish(reply).await.expect("it is connected");
                }
            }
        });
        Broker { broker: K::connect(url).await, service }
    }
}

impl<B: Requests> PublishAsync for Broker<B> {
    async fn publish(&mut self, message: Message) {
        self.broker.publish(MessageEnvelope::new(message)).await.expect("it is connected");
    }
}

impl ReceiveAsync for Stream {
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.recv().await.map(|envelope| sink.take(&envelope.message)).is_some()
    }
}

impl<B: Requests> Ask for Broker<B> {
    async fn ask(&self, message: Message) -> Message {
        let request = MessageEnvelope::new(message).with_recipient(self.service);
        self.broker.ask(request).await.expect("an answer").message
    }
}
