//! Pulls the messages of a durable consumer: so many in advance, and asked for again whenever half of them have come.
//!
//! The client can do that as well, but what it asks for is now and then forgotten, and it asks again only after 35 s.
//! Here a request is for a few seconds only, so that one which is forgotten costs no more than these.

use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull::BatchConfig};
use async_nats::jetstream::{Context, Message as StoredMessage};
use async_nats::{Message, StatusCode, Subject, Subscriber};
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::broker::ConnectionState;
use crate::codec::CodecError;
use crate::remote::error::RemoteError;
use crate::remote::nats::jetstream::refused;

/// How long the server holds a request.
const HELD: Duration = Duration::from_secs(2);
/// How much later it must have said that it holds it no more.
const SLACK: Duration = Duration::from_secs(1);

/// Says how much of a request was not fulfilled.
const LEFT: &str = "Nats-Pending-Messages";

struct Puller {
    consumer: PullConsumer,
    context: Context,
    inbox: Subject,
    subscriber: Subscriber,
    state: watch::Receiver<ConnectionState>,
    /// How many messages are taken in advance.
    ahead: usize,
    /// How many have been asked for and have not come.
    asked: usize,
    /// When the last request has been forgotten.
    forgotten_at: Instant,
}

/// The messages of a consumer, without an end.
pub(crate) async fn pull(
    consumer: PullConsumer,
    context: Context,
    state: watch::Receiver<ConnectionState>,
    ahead: usize,
) -> Result<impl Stream<Item = Result<StoredMessage, CodecError>>, RemoteError> {
    let client = context.client();
    let inbox: Subject = client.new_inbox().into();
    let subscriber = client.subscribe(inbox.clone()).await.map_err(refused)?;
    let forgotten_at = Instant::now();
    let puller =
        Puller { consumer, context, inbox, subscriber, state, ahead, asked: 0, forgotten_at };
    Ok(futures_util::stream::unfold(puller, async |mut puller| {
        let next = puller.next().await;
        Some((next, puller))
    }))
}

impl Puller {
    async fn next(&mut self) -> Result<StoredMessage, CodecError> {
        loop {
            if self.asked <= self.ahead / 2 {
                self.ask().await?;
            }
            tokio::select! {
                message = self.subscriber.next() => {
                    let message = message.ok_or("the client is closed")?;
                    if let Some(message) = self.read(message)? {
                        return Ok(message);
                    }
                }
                () = tokio::time::sleep_until(self.forgotten_at) => self.asked = 0,
                // What was asked on another connection may be forgotten.
                Ok(()) = self.state.changed() => self.asked = 0,
            }
        }
    }

    async fn ask(&mut self) -> Result<(), CodecError> {
        let batch = self.ahead - self.asked;
        let request = BatchConfig { batch, expires: Some(HELD), ..BatchConfig::default() };
        self.consumer.request_batch(request, self.inbox.clone()).await?;
        self.asked += batch;
        self.forgotten_at = Instant::now() + HELD + SLACK;
        Ok(())
    }

    /// A message that the server has written down, or what it says of a request.
    fn read(&mut self, message: Message) -> Result<Option<StoredMessage>, CodecError> {
        match message.status {
            None | Some(StatusCode::OK) => {
                self.asked = self.asked.saturating_sub(1);
                return Ok(Some(StoredMessage { message, context: self.context.clone() }));
            }
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => {
                let left = message.headers.as_ref().and_then(|headers| headers.get(LEFT));
                let left = left.and_then(|left| left.as_str().parse().ok());
                self.asked = self.asked.saturating_sub(left.unwrap_or(self.asked));
            }
            Some(other) => {
                let why = message.description.as_deref().unwrap_or("no reason given");
                return Err(format!("status {other}: {why}").into());
            }
        }
        Ok(None)
    }
}
