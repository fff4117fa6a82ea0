//! redis: Pub/Sub with the frames of Stentor's broker, and requests made of it.

use redis::{
    AsyncConnectionConfig, Client as Redis, PushInfo, PushKind, Value, aio::MultiplexedConnection,
    cmd,
};
use stentor::{MessageEnvelope, Postcard, decode_frame, encode_frame};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::waiting::Waiting;
use crate::{
    contract::{Ask, PublishAsync, ReceiveAsync},
    remote::{Backend, Remote},
    workload::{Message, Sink},
};

/// Where messages go.
const CHANNEL: &str = "perf:messages";
/// Where answers go.
pub const ANSWERS: &str = "perf:answers";

/// The client.
pub struct Client;

/// What publishes.
#[derive(Clone)]
pub struct Publisher(MultiplexedConnection);

/// A subscription.
pub struct Subscription {
    /// What has come.
    pushed: UnboundedReceiver<PushInfo>,
    /// It is subscribed as long as this lives.
    _connection: MultiplexedConnection,
}

/// What asks.
#[derive(Clone)]
pub struct Asker {
    /// What publishes.
    connection: MultiplexedConnection,
    /// Who waits.
    waiting: Waiting,
}

/// A frame with the message of an envelope of its own.
pub fn frame(message: &Message) -> Vec<u8> {
    let mut frame = Vec::new();
    let encoded = encode_frame(&MessageEnvelope::new(*message), &Postcard, &mut frame);
    encoded.expect("it has bytes");
    frame
}

/// The message of a frame.
pub fn message_of(frame: &Value) -> Message {
    let Value::BulkString(frame) = frame else { panic!("{frame:?} is no frame") };
    decode_frame(frame, &Postcard, usize::MAX).expect("a frame").message
}

/// Connects.
pub async fn connect(url: &str) -> MultiplexedConnection {
    let client = Redis::open(url).expect("a url");
    client.get_multiplexed_async_connection().await.expect("a connection")
}

/// Connects and subscribes.
pub async fn subscribe(url: &str, channel: &str) -> Subscription {
    let (sender, pushed) = unbounded_channel();
    let client = Redis::open(format!("{url}?protocol=resp3")).expect("a url");
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    let mut connection = connection.expect("a connection");
    // A pattern, as the broker's subscriptions are.
    connection.psubscribe(format!("{channel}*")).await.expect("a subscription");
    Subscription { pushed, _connection: connection }
}

impl Subscription {
    /// The next message.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let push = self.pushed.recv().await?;
            if let (PushKind::PMessage, [_, _, frame]) = (push.kind, &push.data[..]) {
                return Some(message_of(frame));
            }
        }
    }

    /// Hands what comes to those who wait.
    pub fn hand_to(mut self, waiting: Waiting) {
        tokio::spawn(async move {
            while let Some(answer) = self.next().await {
                waiting.answer(answer);
            }
        });
    }
}

/// Publishes.
pub async fn publish(connection: &mut MultiplexedConnection, channel: &str, message: &Message) {
    let heard: u64 = cmd("PUBLISH")
        .arg(channel)
        .arg(frame(message))
        .query_async(connection)
        .await
        .expect("it is connected");
    assert!(heard > 0, "nobody listens to {channel}");
}

impl Remote for Client {
    const BACKEND: Backend = Backend::Redis;
    type Publisher = Publisher;
    type Subscriber = Subscription;
    type Asker = Asker;

    async fn open(url: &str) -> (Publisher, Subscription) {
        (Publisher(connect(url).await), subscribe(url, CHANNEL).await)
    }

    async fn answer(url: &str) -> Asker {
        let (mut replier, mut requests) = (connect(url).await, subscribe(url, CHANNEL).await);
        let waiting = Waiting::default();
        subscribe(url, ANSWERS).await.hand_to(waiting.clone());
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                publish(&mut replier, ANSWERS, &request.answer()).await;
            }
        });
        Asker { connection: connect(url).await, waiting }
    }
}

impl PublishAsync for Publisher {
    async fn publish(&mut self, message: Message) {
        publish(&mut self.0, CHANNEL, &message).await;
    }
}

impl ReceiveAsync for Subscription {
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.next().await.map(|message| sink.take(&message)).is_some()
    }
}

impl Ask for Asker {
    async fn ask(&self, message: Message) -> Message {
        let answer = self.waiting.for_answer_to(&message);
        publish(&mut self.connection.clone(), CHANNEL, &message).await;
        answer.await.expect("an answer")
    }
}
