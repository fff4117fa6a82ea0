//! Brings what is published here to the remote broker.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use crate::backoff::Backoff;
use crate::broker::{DeadLetterReason, Message, MessageBroker, PendingRequest, Rejection};
use crate::envelope::{CorrelationId, MessageEnvelope, Origin};
use crate::hook::Hook;
use crate::remote::bridge::counts::Counts;
use crate::remote::bridge::importer::stopped;
use crate::remote::bridge::intake::Intake;
use crate::remote::bridge::policy::BridgePolicy;
use crate::remote::bridge::verdict::{Verdict, Why, judge};
use crate::remote::bridge::window::{Number, Window, poll_once};

/// Between two tries to publish, as long as the remote broker takes nothing.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(10), most: Duration::from_millis(500) };

type Reply<M> = Option<MessageEnvelope<M>>;
type Answer<M, E> = (CorrelationId, Result<Reply<M>, E>);
type Asking<M, E> = Pin<Box<dyn Future<Output = Answer<M, E>> + Send>>;
/// The exporter ends at once.
type Ends = ControlFlow<()>;

pub(crate) struct Exporter<M: Message, H: Hook<M>, R: MessageBroker<M>> {
    pub(crate) remote: Arc<R>,
    pub(crate) intake: Intake<M, H>,
    pub(crate) window: Window<M, R::Error>,
    pub(crate) asking: FuturesUnordered<Asking<M, R::Error>>,
    /// Where replies go.
    pub(crate) replies: mpsc::UnboundedSender<MessageEnvelope<M>>,
    pub(crate) origin: Origin,
    pub(crate) policy: BridgePolicy,
    pub(crate) counts: Arc<Counts>,
    /// How often publishing has failed since it last did not.
    pub(crate) failures: u32,
}

impl<M: Message, H: Hook<M>, R: MessageBroker<M>> Exporter<M, H, R> {
    /// Exports until the local broker is closed or `stop` says so, and all has been exported that was published
    /// before; or until the remote broker is closed.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        if self.export(&mut stop).await.is_break() {
            // It is of no use any more, and must not hold up the ring.
            let left = self.intake.taken.len() + self.window.len() + self.asking.len();
            self.counts.dropped.closed.add(left as u64);
            self.intake.taken.clear();
        }
        self.counts.in_flight.set(0);
        self.counts.asking.set(0);
    }

    async fn export(&mut self, stop: &mut watch::Receiver<bool>) -> Ends {
        loop {
            self.start().await?;
            let looks = self.intake.goes_on() && self.intake.taken.is_empty();
            if !looks && self.is_idle() && self.asking.is_empty() {
                return Ends::Continue(());
            }
            tokio::select! {
                biased;
                Some((number, sent)) = self.window.next(), if self.window.is_running() => {
                    self.sent(number, sent)?;
                }
                Some(answer) = self.asking.next(), if !self.asking.is_empty() => {
                    self.answered(answer)?;
                }
                () = stopped(stop), if !self.intake.is_ending() => {
                    self.intake.end_here();
                }
                () = self.intake.look(), if looks => {}
            }
            if let Some(failed) = self.window.take_failed() {
                failed.rev().for_each(|envelope| self.intake.taken.push_front(envelope));
                tokio::time::sleep(BACKOFF.after(self.failures)).await;
                self.failures += 1;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.intake.taken.is_empty() && self.window.len() == 0
    }

    /// Starts as many as may be started, in order.
    async fn start(&mut self) -> Ends {
        while self.window.has_room()
            && let Some(envelope) = self.intake.taken.pop_front()
        {
            match self.request_in(&envelope) {
                Some((id, pending)) => self.ask(id, envelope, pending.deadline).await?,
                None => self.publish(envelope).await?,
            }
        }
        self.counts.in_flight.set(self.intake.taken.len() + self.window.len());
        self.counts.asking.set(self.asking.len());
        Ends::Continue(())
    }

    /// The request that this is: somebody here waits for its reply, and it is not asked beyond already.
    fn request_in(&self, envelope: &MessageEnvelope<M>) -> Option<(CorrelationId, PendingRequest)> {
        let wanted = &self.intake.wanted;
        let (id, pending) = (envelope.metadata.correlation_id?, wanted.local.pending(envelope)?);
        wanted.carried.ask(id).then_some((id, pending))
    }

    // ===== messages =====

    async fn publish(&mut self, mut envelope: MessageEnvelope<M>) -> Ends {
        envelope.metadata.origin = Some(self.origin);
        let remote = Arc::clone(&self.remote);
        let publishing = async move { remote.publish(envelope).await };
        match self.window.start(publishing).await {
            Some((number, sent)) => self.sent(number, sent),
            None => Ends::Continue(()),
        }
    }

    fn sent(&mut self, number: Number, sent: Result<(), R::Error>) -> Ends {
        let Err(error) = sent else {
            self.failures = 0;
            self.counts.exported.add(1);
            return Ends::Continue(());
        };
        match judge(error) {
            Verdict::Again(envelope) => self.again(number, envelope),
            Verdict::Unconfirmed(envelope) if self.policy == BridgePolicy::Block => {
                self.again(number, envelope);
            }
            Verdict::Unconfirmed(_) => self.counts.dropped.unconfirmed.add(1),
            Verdict::Never(why, envelope) => return self.never(why, envelope),
        }
        Ends::Continue(())
    }

    fn again(&mut self, number: Number, envelope: MessageEnvelope<M>) {
        self.counts.retries.add(1);
        self.window.fail(number, envelope);
    }

    fn never(&mut self, why: Why, envelope: Option<MessageEnvelope<M>>) -> Ends {
        let dropped = &self.counts.dropped;
        match why {
            // The remote broker has made a dead letter of it.
            Why::Expired => dropped.expired.add(1),
            Why::Rejected => dropped.rejected.add(1),
            // It was sent, all the same.
            Why::Unheard => self.counts.exported.add(1),
            Why::Refused(text) => {
                dropped.refused.add(1);
                let reason = DeadLetterReason::Rejected(Rejection::new("bridge", text));
                if let Some(mut envelope) = envelope {
                    envelope.metadata.origin = None;
                    self.intake.wanted.local.services().dead_letter(envelope, reason);
                }
            }
            Why::Closed => {
                dropped.closed.add(1);
                return Ends::Break(());
            }
        }
        Ends::Continue(())
    }

    // ===== requests =====

    async fn ask(
        &mut self,
        id: CorrelationId,
        mut request: MessageEnvelope<M>,
        deadline: Option<Instant>,
    ) -> Ends {
        request.metadata.origin = Some(self.origin);
        let remote = Arc::clone(&self.remote);
        let now = Instant::now();
        let timeout = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        let mut asking: Asking<M, R::Error> =
            Box::pin(async move { (id, remote.publish_request::<M>(request, timeout).await) });
        match poll_once(asking.as_mut()).await {
            Some(answer) => self.answered(answer),
            None => {
                self.asking.push(asking);
                Ends::Continue(())
            }
        }
    }

    fn answered(&mut self, (id, answer): Answer<M, R::Error>) -> Ends {
        self.intake.wanted.carried.end_asking(id);
        match answer {
            Ok(reply) => {
                self.counts.exported.add(1);
                if let Some(reply) = reply {
                    self.counts.answered.add(1);
                    // The importer lives as long as this sender.
                    let _ = self.replies.send(reply);
                }
                Ends::Continue(())
            }
            Err(error) => match judge::<M>(error) {
                // Its caller may ask again; by then this may be too late.
                Verdict::Again(_) | Verdict::Unconfirmed(_) => {
                    self.counts.dropped.unconfirmed.add(1);
                    Ends::Continue(())
                }
                // Somebody here may still answer it, so it is no dead letter.
                Verdict::Never(why, _) => self.never(why, None),
            },
        }
    }
}
