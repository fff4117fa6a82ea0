//! The server's end of an `AckedStream`: messages go in, acknowledgements come out.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::broker::Message;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::remote::acked::{AckedStream, Told};
use crate::remote::core::{Core, Feeding};
use crate::remote::error::RemoteError;

/// How many acknowledgements go out together.
const TOGETHER: usize = 256;

/// Where acknowledgements go: never more than messages have been delivered.
pub(crate) type Acks = mpsc::UnboundedSender<Handled>;

/// A message that the server has written down.
pub(crate) struct Stored<M> {
    pub(crate) envelope: MessageEnvelope<M>,
    /// What the server knows this delivery by, if it waits for an acknowledgement.
    pub(crate) ticket: Option<String>,
    pub(crate) is_redelivered: bool,
}

/// What came of a message.
pub(crate) struct Handled {
    pub(crate) ticket: String,
    pub(crate) verdict: Verdict,
}

pub(crate) enum Verdict {
    Done,
    /// Done, and somebody waits until the server knows.
    Confirm(oneshot::Sender<Result<(), RemoteError>>),
    /// It is to be delivered again.
    Again,
}

/// How a server is told.
pub(crate) trait Acknowledge: Clone + Send + Sync + 'static {
    /// These have been handled.
    fn done(&self, tickets: &[String]) -> impl Future<Output = Result<(), RemoteError>> + Send;

    /// This has been handled; the server has said that it knows.
    fn confirm(&self, ticket: &str) -> impl Future<Output = Result<(), RemoteError>> + Send;

    /// This is to be delivered again.
    fn again(&self, ticket: &str) -> impl Future<Output = Result<(), RemoteError>> + Send;
}

/// Feeds a stream.
pub(crate) struct AckedFeed<M: Message, H: Hook<M>, A> {
    pub(crate) stored: mpsc::Sender<Stored<M>>,
    pub(crate) acks: Acknowledging<M, H, A>,
    _feeding: Feeding<M, H>,
}

/// Passes on what has been handled.
pub(crate) struct Acknowledging<M: Message, H: Hook<M>, A> {
    core: Arc<Core<M, H>>,
    server: A,
    handled: mpsc::UnboundedReceiver<Handled>,
}

/// A feed and its stream, which holds so many messages in advance.
pub(crate) fn acked<M: Message, H: Hook<M>, A: Acknowledge>(
    core: &Arc<Core<M, H>>,
    server: A,
    name: &str,
    ahead: usize,
) -> (AckedFeed<M, H, A>, AckedStream<M>) {
    let (sender, stored) = mpsc::channel(ahead);
    let (acks, handled) = mpsc::unbounded_channel();
    let hooks = Arc::clone(&core.services) as _;
    let told = Told { hooks, of_deliveries: H::DELIVERIES, name: name.to_owned() };
    let acknowledging = Acknowledging { core: Arc::clone(core), server, handled };
    let feed = AckedFeed { stored: sender, acks: acknowledging, _feeding: core.feeding() };
    (feed, AckedStream::new(stored, acks, told))
}

impl<M: Message, H: Hook<M>, A: Acknowledge> AckedFeed<M, H, A> {
    /// Delivers a message as soon as there is room; acknowledgements go on.
    pub(crate) async fn push(&mut self, stored: Stored<M>) {
        let Self { stored: stream, acks, .. } = self;
        acks.core.counts.received.add(1);
        acks.core.counts.redelivered.add(stored.is_redelivered.into());
        loop {
            tokio::select! {
                // If the stream is gone, another gets it.
                permit = stream.reserve() => return permit.map_or((), |it| it.send(stored)),
                Some(handled) = acks.next() => acks.settle(handled).await,
            }
        }
    }

    /// Acknowledges what is not delivered, for it would be no better the next time.
    pub(crate) async fn skip(&self, ticket: Option<String>) {
        let handled = ticket.map(|ticket| Handled { ticket, verdict: Verdict::Done });
        self.acks.settle(handled.into_iter().collect()).await;
    }

    /// Ends the stream, and passes on what is handled from now on, as long as anybody has something to handle.
    pub(crate) async fn end(self) {
        let Self { stored, mut acks, _feeding } = self;
        drop(stored);
        while let Some(handled) = acks.next().await {
            acks.settle(handled).await;
        }
    }
}

impl<M: Message, H: Hook<M>, A: Acknowledge> Acknowledging<M, H, A> {
    /// What has been handled; `None` if nothing will be any more. Dropped, it has taken nothing.
    pub(crate) async fn next(&mut self) -> Option<Vec<Handled>> {
        let mut handled = Vec::new();
        let count = self.handled.recv_many(&mut handled, TOGETHER).await;
        (count > 0).then_some(handled)
    }

    pub(crate) async fn settle(&self, handled: Vec<Handled>) {
        let mut done = Vec::with_capacity(handled.len());
        for Handled { ticket, verdict } in handled {
            match verdict {
                Verdict::Done => done.push(ticket),
                Verdict::Again => self.count(&self.server.again(&ticket).await, 1),
                Verdict::Confirm(waiting) => self.confirm(ticket, waiting),
            }
        }
        if !done.is_empty() {
            self.count(&self.server.done(&done).await, done.len());
        }
    }

    /// By a task, for others need not wait.
    fn confirm(&self, ticket: String, waiting: oneshot::Sender<Result<(), RemoteError>>) {
        let (core, server, feeding) =
            (Arc::clone(&self.core), self.server.clone(), self.core.feeding());
        self.core.runtime.spawn(async move {
            let confirmed = server.confirm(&ticket).await;
            core.counts.failed_acks.add(confirmed.is_err().into());
            // Who waited may have given up.
            let _ = waiting.send(confirmed);
            drop(feeding);
        });
    }

    fn count(&self, told: &Result<(), RemoteError>, acknowledgements: usize) {
        if let Err(error) = told {
            self.core.counts.failed_acks.add(acknowledgements as u64);
            tracing::debug!(target: "stentor::remote", acknowledgements, "not acknowledged: {error}");
        }
    }
}
