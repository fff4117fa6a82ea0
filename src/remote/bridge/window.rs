//! The messages that are on their way to the remote broker.
//!
//! They are started in order, and each is polled when it is started. As long as the connection is the same all the
//! while, one that is pending then has been sent, and the next may be started, up to the limit. Otherwise it may wait
//! for the connection, or have been sent on another: then all must be through before the next is started, or that
//! might overtake them. The first on a connection, and the first after a failure, goes alone: a server that has just
//! been started may refuse some messages, and take those behind them.

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
    /// Those that have to be started again, before all others.
    failed: BTreeMap<Number, MessageEnvelope<M>>,
    limit: usize,
    /// Without it only one message is in flight.
    state: Option<watch::Receiver<ConnectionState>>,
    /// The connection was there when the first of those that are running was started.
    is_connected: bool,
    /// The server has taken a message on it, and none has failed since.
    is_proven: bool,
}

impl<M, E> Window<M, E> {
    pub(crate) fn new(limit: usize, state: Option<watch::Receiver<ConnectionState>>) -> Self {
        Self {
            running: FuturesUnordered::new(),
            next: 0,
            failed: BTreeMap::new(),
            limit,
            state,
            is_connected: false,
            is_proven: false,
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
        let has_room = self.running.len() < self.limit && self.is_proven;
        let follows = has_room && self.is_same_connection();
        self.failed.is_empty() && (self.running.is_empty() || follows)
    }

    /// Starts a message; gives what became of it if that is known at once.
    pub(crate) async fn start<F>(&mut self, sending: F) -> Option<(Number, Result<(), E>)>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let number = self.next;
        self.next += 1;
        if self.running.is_empty() {
            self.is_proven &= self.is_same_connection();
            self.look_connected();
        }
        let mut sending: Sending<E> = Box::pin(async move { (number, sending.await) });
        let polled = poll_once(sending.as_mut()).await;
        if polled.is_none() {
            self.running.push(sending);
        }
        polled.inspect(|(_, sent)| self.is_proven = sent.is_ok())
    }

    /// The next message that is through, in whatever order. `None` if nothing is running.
    pub(crate) async fn next(&mut self) -> Option<(Number, Result<(), E>)> {
        let (number, sent) = self.running.next().await?;
        self.is_proven = sent.is_ok();
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

    fn look_connected(&mut self) {
        let state = self.state.as_mut();
        self.is_connected =
            state.is_some_and(|state| *state.borrow_and_update() == ConnectionState::Connected);
    }

    /// Whether the connection has been there since the first of those that are running was started.
    fn is_same_connection(&self) -> bool {
        let unchanged = |state: &watch::Receiver<_>| matches!(state.has_changed(), Ok(false));
        self.is_connected && self.state.as_ref().is_some_and(unchanged)
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
