//! async-nats: publishing, and its own requests.

use std::marker::PhantomData;

use async_nats::{HeaderMap, Subscriber};
use futures_util::StreamExt;
use stentor::MessageId;

use super::{decode, encode};
use crate::{
    contract::{Ask, PublishAsync, ReceiveAsync},
    remote::{Backend, Remote},
    workload::{Message, Sink},
};

/// Where messages go.
const SUBJECT: &str = "perf.messages";

/// What goes with a payload.
pub trait Headers: Clone + Send + Sync + 'static {
    /// That.
    fn headers() -> Option<HeaderMap>;
}

/// What Stentor's broker sends with a message without a recipient: its format, and an id.
#[derive(Clone)]
pub struct WithHeaders;

impl Headers for WithHeaders {
    fn headers() -> Option<HeaderMap> {
        Some(headers())
    }
}

/// Nothing.
#[derive(Clone)]
pub struct Plain;

impl Headers for Plain {
    fn headers() -> Option<HeaderMap> {
        None
    }
}

/// What Stentor's broker sends with a message.
pub fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Stentor", "1 postcard");
    headers.insert("Nats-Msg-Id", MessageId::new().to_string());
    headers
}

/// The client, with these headers.
pub struct Client<H>(PhantomData<H>);

/// What publishes and asks.
#[derive(Clone)]
pub struct Publisher<H> {
    /// The client.
    client: async_nats::Client,
    /// What goes with it.
    headers: PhantomData<H>,
}

/// Connects.
pub async fn connect(url: &str) -> async_nats::Client {
    async_nats::connect(url).await.expect("a connection")
}

impl<H: Headers> Remote for Client<H> {
    const BACKEND: Backend = Backend::Nats;
    type Publisher = Publisher<H>;
    type Subscriber = Subscriber;
    type Asker = Publisher<H>;

    async fn open(url: &str) -> (Self::Publisher, Subscriber) {
        let client = connect(url).await;
        let subscriber = subscribe(&client).await;
        (Publisher { client, headers: PhantomData }, subscriber)
    }

    async fn answer(url: &str) -> Self::Asker {
        let replier = connect(url).await;
        let mut requests = subscribe(&replier).await;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let answer = encode(&decode(&request.payload).answer()).into();
                let inbox = request.reply.expect("it asks");
                let sent = match H::headers() {
                    Some(headers) => replier.publish_with_headers(inbox, headers, answer).await,
                    None => replier.publish(inbox, answer).await,
                };
                sent.expect("it is connected");
            }
        });
        Publisher { client: connect(url).await, headers: PhantomData }
    }
}

/// Subscribes; the server has confirmed it.
async fn subscribe(client: &async_nats::Client) -> Subscriber {
    let subscriber = client.subscribe(SUBJECT).await.expect("a subscription");
    client.flush().await.expect("it is connected");
    subscriber
}

impl<H: Headers> PublishAsync for Publisher<H> {
    async fn publish(&mut self, message: Message) {
        let payload = encode(&message).into();
        let sent = match H::headers() {
            Some(headers) => self.client.publish_with_headers(SUBJECT, headers, payload).await,
            None => self.client.publish(SUBJECT, payload).await,
        };
        sent.expect("it is connected");
    }
}

impl ReceiveAsync for Subscriber {
    async fn receive(&mut self, sink: &mut impl Sink) -> bool {
        self.next().await.map(|message| sink.take(&decode(&message.payload))).is_some()
    }
}

impl<H: Headers> Ask for Publisher<H> {
    async fn ask(&self, message: Message) -> Message {
        let payload = encode(&message).into();
        let reply = match H::headers() {
            Some(headers) => self.client.request_with_headers(SUBJECT, headers, payload).await,
            None => self.client.request(SUBJECT, payload).await,
        };
        decode(&reply.expect("an answer").payload)
    }
}
