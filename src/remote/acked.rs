//! Messages that are acknowledged to the server when they have been handled.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::{mpsc, oneshot};

use crate::broker::subscription::Deliveries;
use crate::envelope::MessageEnvelope;
use crate::remote::acks::{Acks, Handled, Stored, Verdict};
use crate::remote::error::RemoteError;

/// The messages of a group, each to be acknowledged when it has been handled: what is not, for the process has
/// crashed or the [`Delivery`] was dropped, the server delivers again after a while
/// (`JetStream::ack_wait`, `RedisStreams::claim_after`), to whichever member of the group. Dropping the stream
/// unsubscribes; what it has given out may be acknowledged still.
///
/// A [`MessageStream`](crate::MessageStream) of a group acknowledges by itself: each message when the next one
/// is asked for. That fits who handles one after the other, and nothing else: combinators that ask ahead
/// (`buffered`, `for_each_concurrent`) would acknowledge what is not handled yet. This is for them.
///
/// ```no_run
/// # async fn example(mut orders: stentor::AckedStream<String>) {
/// // From `broker.subscribe_acked(RemoteSubscribe::new().group("billing"))`.
/// while let Some(order) = orders.recv().await {
///     tokio::spawn(async move {
///         println!("handling {}", order.envelope.message);
///         order.ack();
///     });
/// }
/// # }
/// ```
#[must_use = "dropping a stream unsubscribes it"]
pub struct AckedStream<M> {
    stored: mpsc::Receiver<Stored<M>>,
    acks: Acks,
    told: Told<M>,
}

/// Whom a stream tells what it gives out.
pub(crate) struct Told<M> {
    pub(crate) hooks: Arc<dyn Deliveries<M>>,
    /// A hook wants to know of every delivery.
    pub(crate) of_deliveries: bool,
    pub(crate) name: String,
}

impl<M> AckedStream<M> {
    pub(crate) fn new(stored: mpsc::Receiver<Stored<M>>, acks: Acks, told: Told<M>) -> Self {
        Self { stored, acks, told }
    }

    /// Receives the next message; `None` when the stream has ended.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future has received nothing.
    pub async fn recv(&mut self) -> Option<Delivery<M>> {
        std::future::poll_fn(|cx| self.poll_delivery(cx)).await
    }

    fn poll_delivery(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery<M>>> {
        loop {
            let Some(stored) = ready!(self.stored.poll_recv(cx)) else { return Poll::Ready(None) };
            let Stored { envelope, ticket, is_redelivered } = stored;
            let acks = self.acks.clone();
            let delivery = Delivery { envelope, is_redelivered, ticket, acks };
            if delivery.envelope.metadata.is_expired() {
                // It will be no better the next time.
                self.told.hooks.expired(delivery.ack());
                continue;
            }
            if self.told.of_deliveries {
                self.told.hooks.delivered(&delivery.envelope, &self.told.name);
            }
            return Poll::Ready(Some(delivery));
        }
    }

    /// The same messages, each acknowledged when the next is asked for.
    pub(crate) fn acked_by_the_next(self) -> AckedByTheNext<M> {
        AckedByTheNext { stream: self, current: None }
    }
}

impl<M> Stream for AckedStream<M> {
    type Item = Delivery<M>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<M>>> {
        self.poll_delivery(cx)
    }
}

impl<M> Unpin for AckedStream<M> {}

impl<M> fmt::Debug for AckedStream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckedStream").field("name", &self.told.name).finish_non_exhaustive()
    }
}

/// A message that waits to be acknowledged. Dropped, it is delivered again after a while.
#[must_use = "a message that is not acknowledged is delivered again"]
pub struct Delivery<M> {
    /// The message.
    pub envelope: MessageEnvelope<M>,
    is_redelivered: bool,
    /// What it is acknowledged by, if it is to be.
    ticket: Option<String>,
    acks: Acks,
}

impl<M> Delivery<M> {
    /// Whether it has been delivered before, to this member of the group or to another: it may have been handled then.
    pub fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    /// It has been handled. The server is told in the background; if that fails
    /// ([`RemoteMetrics::failed_acks`](crate::RemoteMetrics::failed_acks)), it delivers the message again.
    pub fn ack(self) -> MessageEnvelope<M> {
        self.say(Verdict::Done)
    }

    /// It has been handled; waits until the server has been told, and has said so.
    ///
    /// # Errors
    /// That is not known: the message may be delivered again.
    pub async fn ack_confirmed(self) -> Result<(), RemoteError> {
        let (confirm, confirmed) = oneshot::channel();
        self.say(Verdict::Confirm(confirm));
        let ended = |_| Err(RemoteError::Unconfirmed("the broker has ended".into()));
        confirmed.await.unwrap_or_else(ended)
    }

    /// It has not been handled, and is to be delivered again: at once by JetStream, and by Redis when a member of
    /// the group next looks for such messages.
    pub fn nack(self) -> MessageEnvelope<M> {
        self.say(Verdict::Again)
    }

    fn say(self, verdict: Verdict) -> MessageEnvelope<M> {
        if let Some(ticket) = self.ticket {
            // If nobody acknowledges any more, the server delivers it again.
            let _ = self.acks.send(Handled { ticket, verdict });
        }
        self.envelope
    }
}

impl<M> fmt::Debug for Delivery<M> {
    /// Without the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("metadata", &self.envelope.metadata)
            .field("is_redelivered", &self.is_redelivered)
            .finish_non_exhaustive()
    }
}

/// What it has given out last counts as handled when the next message is asked for; if it is dropped instead, the
/// server will deliver that again.
pub(crate) struct AckedByTheNext<M> {
    stream: AckedStream<M>,
    current: Option<Handled>,
}

impl<M> Stream for AckedByTheNext<M> {
    type Item = MessageEnvelope<M>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<MessageEnvelope<M>>> {
        if let Some(handled) = self.current.take() {
            let _ = self.stream.acks.send(handled);
        }
        let delivery = ready!(self.stream.poll_delivery(cx));
        Poll::Ready(delivery.map(|Delivery { envelope, ticket, .. }| {
            self.current = ticket.map(|ticket| Handled { ticket, verdict: Verdict::Done });
            envelope
        }))
    }
}

impl<M> Unpin for AckedByTheNext<M> {}
