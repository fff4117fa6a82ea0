//! The messages that are on their way to the remote broker.
//!
//! They are started in order, and each is polled when it is started. If it is pending then, and the connection was
//! there all the while, it has been sent, and the next may be started. Otherwise it waits for the connection or for
//! room, and the next must not be started, or it might overtake it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::task::unconstrained;

use crate::broker::ConnectionState;
use crate::envelope::MessageEnvelope;

/// The number of a message among those that were started.
pub(crate) type Number = u64;
type Sending<E> = Pin<Box<dyn Future<Output = (Number, Result<(), E>)> + Send>>;

pub(crate) struct Window<M, E> {
    running: FuturesUnordered<Sending<E>>,
    next: Number,
    /// This one is not known to have been sent.
    unsent: Option<Number>,
    /// Those that have to be started again, before all others.
    failed: BTreeMap<Number, MessageEnvelope<M>>,
    limit: usize,
    /// Without it only one message is in flight.
    state: Option<watch::Receiver<ConnectionState>>,
}

impl<M, E> Window<M, E> {
    pub(crate) fn new(limit: usize, state: Option<watch::Receiver<ConnectionState>>) -> Self {
        Self {
            running: FuturesUnordered::new(),
            next: 0,
            unsent: None,
            failed: BTreeMap::new(),
            limit,
            state,
        }
    }

    /// Messages that are started and not through.
    pub(crate) fn len(&self) -> usize {
        self.running.len() + self.failed.len()
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether another may be started now.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent.is_none() && self.failed.is_empty() && self.running.len() < self.limit
    }

    /// Starts a message; gives what became of it if that is known at once.
    pub(crate) async fn start<F>(&mut self, sending: F) -> Option<(Number, Result<(), E>)>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let number = self.next;
        self.next += 1;
        let was_connected = self.look_connected();
        let mut sending: Sending<E> = Box::pin(async move { (number, sending.await) });
        let polled = poll_once(sending.as_mut()).await;
        if polled.is_none() {
            if !(was_connected && self.still_connected()) {
                self.unsent = Some(number);
            }
            self.running.push(sending);
        }
        polled
    }

    /// The next message that is through, in whatever order. `None` if nothing is running.
    pub(crate) async fn next(&mut self) -> Option<(Number, Result<(), E>)> {
        let (number, sent) = self.running.next().await?;
        if self.unsent == Some(number) {
            self.unsent = None;
        }
        Some((number, sent))
    }

    /// This one has to be started again.
    pub(crate) fn fail(&mut self, number: Number, envelope: MessageEnvelope<M>) {
        self.failed.insert(number, envelope);
    }

    /// Those that have to be started again, in order, once nothing is running any more.
    pub(crate) fn take_failed(
        &mut self,
    ) -> Option<impl DoubleEndedIterator<Item = MessageEnvelope<M>>> {
        let settled = self.running.is_empty() && !self.failed.is_empty();
        settled.then(|| std::mem::take(&mut self.failed).into_values())
    }

    fn look_connected(&mut self) -> bool {
        let state = self.state.as_mut();
        state.is_some_and(|state| *state.borrow_and_update() == ConnectionState::Connected)
    }

    /// Whether nothing has changed since `look_connected`.
    fn still_connected(&self) -> bool {
        self.state.as_ref().is_some_and(|state| matches!(state.has_changed(), Ok(false)))
    }
}

/// Polls once, whatever the task's budget: a future that gave way to others would look as if it waited.
pub(crate) async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    poll_fn(|cx| {
        let mut free = unconstrained(&mut future);
        match Pin::new(&mut free).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        }
    })
    .await
}
