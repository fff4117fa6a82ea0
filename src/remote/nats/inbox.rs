//! What is sent to this client alone: round trips, and what NATS itself answers to requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Message as NatsMessage, StatusCode, Subscriber};
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::broker::ConnectionState;
use crate::broker::Message;
use crate::envelope::CorrelationId;
use crate::hook::Hook;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::link::Link;
use crate::remote::nats::wire;

pub(crate) struct Inbox {
    client: Client,
    prefix: String,
    /// Of round trips.
    next: AtomicU64,
    round_trips: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    /// Requests, for the news that nobody is there.
    requests: Mutex<HashMap<CorrelationId, oneshot::Sender<()>>>,
}

impl Inbox {
    /// Subscribes to it.
    pub(crate) async fn open(client: &Client) -> Result<(Arc<Self>, Subscriber), RemoteError> {
        let prefix = client.new_inbox();
        let subscriber = client.subscribe(format!("{prefix}.>")).await;
        let subscriber = subscriber.map_err(|error| RemoteError::Refused(Box::new(error)))?;
        let inbox = Self {
            client: client.clone(),
            prefix,
            next: AtomicU64::new(0),
            round_trips: Mutex::default(),
            requests: Mutex::default(),
        };
        Ok((Arc::new(inbox), subscriber))
    }

    /// Reads it, until the client is closed.
    pub(crate) async fn read<M: Message, H: Hook<M>>(
        self: Arc<Self>,
        mut subscriber: Subscriber,
        core: Arc<Core<M, H>>,
    ) {
        while let Some(message) = subscriber.next().await {
            let name = message.subject.strip_prefix(&*self.prefix).unwrap_or_default();
            if let Some(number) = name.strip_prefix(".p.") {
                let waiting =
                    number.parse().ok().and_then(|it| self.round_trips.lock().remove(&it));
                // Who waited may have given up.
                let _ = waiting.map(|waiting| waiting.send(()));
            } else if let Some(Ok(id)) = name.strip_prefix(".r.").map(str::parse) {
                self.answered(id, &message, &core);
            }
        }
    }

    fn answered<M: Message, H: Hook<M>>(
        &self,
        id: CorrelationId,
        message: &NatsMessage,
        core: &Core<M, H>,
    ) {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            let _ = self.requests.lock().remove(&id).map(|waiting| waiting.send(()));
            return;
        }
        let codec = &*core.codec;
        let decoded = if wire::is_ours(message) {
            wire::decode(message, codec, core.config.max_message)
        } else {
            wire::decode_bare(&message.payload, id, codec)
        };
        match decoded {
            Ok(envelope) => core.hand_over(&envelope),
            Err(error) => core.refuse(&message.subject, &message.payload, error),
        }
    }

    // ===== requests =====

    pub(crate) fn of(&self, id: CorrelationId) -> String {
        format!("{}.r.{id}", self.prefix)
    }

    /// Ready when the server says that nobody is subscribed to this request. Until it is dropped.
    pub(crate) async fn nobody(&self, id: CorrelationId) {
        let (sender, receiver) = oneshot::channel();
        self.requests.lock().insert(id, sender);
        let _forget = Forget { inbox: self, id };
        if receiver.await.is_err() {
            std::future::pending().await
        }
    }

    // ===== round trips =====

    /// Which connection it is, counted.
    pub(crate) fn connection(&self) -> u64 {
        // Relaxed: what was sent on it has come back through channels.
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Waits until the server has dealt with all that was sent before on this connection. If that is lost meanwhile,
    /// nothing is known.
    pub(crate) async fn flush(
        &self,
        connection: u64,
        link: &Link,
        limit: Duration,
    ) -> Result<(), RemoteError> {
        let lost = || RemoteError::Unconfirmed("the connection was lost".into());
        tokio::select! {
            trip = self.round_trip(limit) => trip?,
            () = link.down() => return Err(lost()),
        }
        // The news of a loss may come later than the answer over the next connection.
        if self.connection() == connection { Ok(()) } else { Err(lost()) }
    }

    /// The same for what the client does again on a new connection: subscriptions.
    pub(crate) async fn settle(&self, link: &Link, limit: Duration) -> Result<(), RemoteError> {
        let again = async {
            let mut state = link.watch();
            let mut trip = std::pin::pin!(self.round_trip(limit));
            loop {
                tokio::select! {
                    result = &mut trip => return result,
                    changed = state.changed() => {
                        if changed.is_ok() && *state.borrow() == ConnectionState::Connected {
                            trip.set(self.round_trip(limit));
                        }
                    }
                }
            }
        };
        tokio::time::timeout(limit, again).await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// There and back.
    pub(crate) async fn round_trip(&self, limit: Duration) -> Result<(), RemoteError> {
        // Relaxed: it only has to be another number each time.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.round_trips.lock().insert(number, sender);
        let _forget = ForgetTrip { inbox: self, number };
        let subject = format!("{}.p.{number}", self.prefix);
        let trip = async {
            let sent = self.client.publish(subject, Default::default()).await;
            sent.map_err(|error| RemoteError::Unconfirmed(Box::new(error)))?;
            receiver.await.map_err(|error| RemoteError::Unconfirmed(Box::new(error)))
        };
        tokio::time::timeout(limit, trip).await.unwrap_or_else(|_| Err(too_slow()))
    }
}

fn too_slow() -> RemoteError {
    RemoteError::Unconfirmed("the server did not answer in time".into())
}

struct ForgetTrip<'a> {
    inbox: &'a Inbox,
    number: u64,
}

impl Drop for ForgetTrip<'_> {
    fn drop(&mut self) {
        self.inbox.round_trips.lock().remove(&self.number);
    }
}

struct Forget<'a> {
    inbox: &'a Inbox,
    id: CorrelationId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.inbox.requests.lock().remove(&self.id);
    }
}
