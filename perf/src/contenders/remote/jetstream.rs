//! async-nats: JetStream, with a durable consumer that acknowledges each message.

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, pull},
    stream::Config,
};
use futures_util::StreamExt;

use super::{
    decode, encode,
    nats::{connect, headers},
    waiting::Waiting,
};
use crate::{
    contract::{Ask, PublishAsync, ReceiveAsync},
    remote::{Backend, Remote},
    workload::{Message, Sink},
};

/// The stream, and the consumer.
const NAME: &str = "perf";
/// Where messages go.
const SUBJECT: &str = "perf.messages";
/// Where answers go: they are written down as well.
const ANSWERS: &str = "perf.answers";

/// The client.
pub struct Client;

/// What publishes: it waits until the server has written a message down.
#[derive(Clone)]
pub struct Publisher(Context);

/// What asks: it listens to answers as they pass by.
#[derive(Clone)]
pub struct Asker {
    /// What publishes.
    context: Context,
    /// Who waits.
    waiting: Waiting,
}

impl Remote for Client {
    const BACKEND: Backend = Backend::JetStream;
    type Publisher = Publisher;
    type Subscriber = pull::Stream;
    type Asker = Asker;

    async fn open(url: &str) -> (Publisher, pull::Stream) {
        let context = jetstream::new(connect(url).await);
        let messages = consume(&context).await;
        (Publisher(context), messages)
    }

    async fn answer(url: &str) -> Asker {
        let replier = jetstream::new(connect(url).await);
        let mut requests = consume(&replier).await;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let request = request.expect("it is connected");
                publish(&replier, ANSWERS, &decode(&request.payload).answer()).await;
                request.ack().await.expect("it is connected");
            }
        });
        let (client, waiting) = (connect(url).await, Waiting::default());
        let mut answers = client.subscribe(ANSWERS).await.expect("a subscription");
        client.flush().await.expect("it is connected");
        let waiters = waiting.clone();
        tokio::spawn(async move {
            while let Some(answer) = answers.next().await {
                waiters.answer(decode(&answer.payload));
            }
        });
        Asker { context: jetstream::new(client), waiting }
    }
}

/// What comes to a durable consumer, on a stream of all that is published here.
async fn consume(context: &Context) -> pull::Stream {
    let config = Config { name: NAME.into(), subjects: vec!["perf.>".into()], ..Config::default() };
    let stream = context.get_or_create_stream(config).await.expect("a stream");
    let config = pull::Config {
        durable_name: Some(NAME.into()),
        ack_policy: AckPolicy::Explicit,
        filter_subject: SUBJECT.into(),
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer(NAME, config).await.expect("a consumer");
    consumer.messages().await.expect("it is connected")
}

/// Publishes, and waits until it is written down.
async fn publish(context: &Context, subject: &'static str, message: &Message) {
    let sent = context.publish_with_headers(subject, headers(), encode(message).into()).await;
    sent.expect("it is connected").await.expect("it is written down");
}

impl PublishAsync for Publisher {
    async fn publish(&mut self, message: Message) {
        publish(&self.0, SUBJECT, &message).await;
    }
}

impl ReceiveAsync for pull::Stream {
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        let Some(message) = self.next().await else { return false };
        let message = message.expect("it is connected");
        sink.take(&decode(&message.payload));
        message.ack().await.expect("it is connected");
        true
    }
}

impl Ask for Asker {
    async fn ask(&self, message: Message) -> Message {
        let answer = self.waiting.for_answer_to(&message);
        publish(&self.context, SUBJECT, &message).await;
        answer.await.expect("an answer")
    }
}
