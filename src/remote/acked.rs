//! A stream whose messages are acknowledged to the server: each when the next is asked for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::envelope::MessageEnvelope;

/// The stream. What it has given out last counts as handled when the next message is asked for; if it is dropped
/// instead, the server will deliver that again.
pub(crate) struct AckedStream<M, T> {
    deliveries: mpsc::Receiver<(MessageEnvelope<M>, T)>,
    handled: mpsc::UnboundedSender<T>,
    current: Option<T>,
}

/// The other end of it. `T` is what a message is acknowledged by.
pub(crate) struct AckedFeed<M, T> {
    pub(crate) deliveries: mpsc::Sender<(MessageEnvelope<M>, T)>,
    /// Never more than have been delivered.
    pub(crate) handled: mpsc::UnboundedReceiver<T>,
}

pub(crate) fn acked<M, T>(capacity: usize) -> (AckedFeed<M, T>, AckedStream<M, T>) {
    let (sender, deliveries) = mpsc::channel(capacity.max(1));
    let (handled, receiver) = mpsc::unbounded_channel();
    let feed = AckedFeed { deliveries: sender, handled: receiver };
    (feed, AckedStream { deliveries, handled, current: None })
}

impl<M, T: Unpin> Stream for AckedStream<M, T> {
    type Item = MessageEnvelope<M>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(handled) = this.current.take() {
            // If nobody acknowledges any more, the server delivers it again.
            let _ = this.handled.send(handled);
        }
        let delivered = ready!(this.deliveries.poll_recv(cx));
        Poll::Ready(delivered.map(|(envelope, ticket)| {
            this.current = Some(ticket);
            envelope
        }))
    }
}

impl<M, T> Unpin for AckedStream<M, T> {}
