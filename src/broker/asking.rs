//! A request from its publishing to its end.
//!
//! Whoever replies often does so as soon as it is let: so a task first lets the others run once (it wakes itself),
//! and only then leaves its waker with the request and its deadline with the timer.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::broker::broker::Message;
use crate::broker::config::Timer;
use crate::broker::epoch::NEVER;
use crate::broker::error::BrokerError;
use crate::broker::memory::InMemoryMessageBroker;
use crate::broker::pending::{Caller, Ended, NoPlace};
use crate::broker::services::{Refusal, Services};
use crate::bus::{PublishError, PublishTimeoutError, RoomWait};
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::Hook;
use crate::ring::sequencer::Blocked;
use crate::sync::Instant;
use crate::wait::block_on::block_on;

/// Watches the clock for a task.
struct Watch {
    deadline: Option<Instant>,
    /// The task will be woken when the time is out.
    is_set: bool,
}

impl Watch {
    /// Whether the time is out; if not, the task is woken when it is.
    fn is_over<M: Message, H: Hook<M>>(&mut self, services: &Services<M, H>) -> bool {
        let Some(deadline) = self.deadline else { return false };
        if std::mem::replace(&mut self.is_set, true) {
            return Instant::now() >= deadline;
        }
        let table = services.table();
        table.alarm.set(deadline, table);
        false
    }
}

/// A request whose caller waits. Its hooks are told how it ends, also if this is dropped.
pub(crate) struct Asking<'a, M: Message, H: Hook<M>> {
    pub(super) broker: &'a InMemoryMessageBroker<M, H>,
    /// Its place, until it has ended.
    pub(super) caller: Option<Caller<'a, M>>,
    /// The request, while there is no room to publish it.
    pub(super) envelope: Option<MessageEnvelope<M>>,
    pub(super) wait: RoomWait,
    /// See `Epoch`.
    deadline: u64,
    /// What hooks that want to know of outcomes are told: the request, and when it began.
    pub(super) told: Option<(MessageHeader, Instant)>,
}

impl<'a, M: Message, H: Hook<M>> Asking<'a, M, H> {
    #[inline(always)]
    pub(crate) fn new(broker: &'a InMemoryMessageBroker<M, H>) -> Self {
        let wait = RoomWait::default();
        Self { broker, caller: None, envelope: None, wait, deadline: NEVER, told: None }
    }

    /// Publishes a request and waits, as a task, for its end.
    pub(crate) async fn ask(
        &mut self,
        request: &MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Ended, BrokerError<M>> {
        self.begin(request, timeout)?;
        if self.envelope.is_none() && !timeout.is_zero() {
            if let Some(ended) = self.ended() {
                return Ok(ended);
            }
            let_others_run().await;
            if let Some(ended) = self.ended() {
                return Ok(ended);
            }
        }
        match self.broker.services().config.timer {
            Timer::Thread => {
                let mut watch = Watch { deadline: self.deadline(), is_set: timeout.is_zero() };
                let services = self.broker.services();
                poll_fn(|cx| self.poll_ended(cx, &mut |_| watch.is_over(services))).await
            }
            #[cfg(feature = "tokio")]
            Timer::Tokio => {
                let mut sleep = std::pin::pin!(tokio::time::sleep(timeout));
                let mut overdue = |cx: &mut Context<'_>| sleep.as_mut().poll(cx).is_ready();
                poll_fn(|cx| self.poll_ended(cx, &mut overdue)).await
            }
        }
    }

    /// Publishes a request and waits, as a thread, for its end.
    pub(crate) fn ask_blocking(
        &mut self,
        request: &MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Ended, BrokerError<M>> {
        self.begin(request, timeout)?;
        if let Some(envelope) = self.envelope.take() {
            let header = envelope.metadata.header();
            match self.broker.publisher().publish_timeout(envelope, timeout) {
                Ok(()) => self.broker.services().published(&header),
                Err(error) => {
                    let is_closed = matches!(error, PublishTimeoutError::Closed(_));
                    self.envelope = Some(error.into_inner());
                    return if is_closed { Err(self.closed()) } else { Ok(self.time_out()) };
                }
            }
        }
        let (deadline, wait) = (self.deadline(), &self.broker.services().config.wait);
        let ended = poll_fn(|cx| match self.poll_caller(cx) {
            Some(ended) => Poll::Ready(ended),
            None => Poll::Pending,
        });
        let ended = block_on(ended, wait, deadline);
        Ok(ended.unwrap_or_else(|| self.time_out()))
    }

    // ===== how it begins =====

    /// Makes room for a request, gives it a correlation id if it has none, lets the hooks see it, and publishes it
    /// if there is room.
    #[inline(always)]
    fn begin(
        &mut self,
        request: &MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<(), BrokerError<M>> {
        let services = self.broker.services();
        let table = services.table();
        self.deadline = table.epoch.deadline(timeout);
        let (caller, id) = match table.enter(&request.metadata, self.deadline) {
            Ok(entered) => entered,
            Err(no_place) => return Err(self.no_place(request, no_place)),
        };
        let envelope = self.envelope.insert(request.clone());
        envelope.metadata.correlation_id = Some(id);
        if let Err(refusal) = services.admit(envelope) {
            drop(caller);
            return Err(self.refused(refusal));
        }
        self.caller = Some(caller);
        let header = envelope.metadata.header();
        if H::OUTCOMES {
            self.told = Some((header, Instant::now()));
        }
        match self.broker.publisher().publish_from(&mut self.envelope) {
            Ok(()) => services.published(&header),
            Err(Blocked::Full) => {}
            Err(Blocked::Closed) => return Err(self.closed()),
        }
        Ok(())
    }

    /// The hooks do not let it be published.
    #[cold]
    fn refused(&mut self, refusal: Refusal) -> BrokerError<M> {
        let envelope = self.take_envelope();
        self.broker.services().refuse(envelope, refusal)
    }

    fn take_envelope(&mut self) -> MessageEnvelope<M> {
        match self.envelope.take() {
            Some(envelope) => envelope,
            None => unreachable!("what is not published is still there"),
        }
    }

    #[cold]
    fn no_place(&self, request: &MessageEnvelope<M>, no_place: NoPlace) -> BrokerError<M> {
        let envelope = request.clone();
        match no_place {
            NoPlace::Duplicate => BrokerError::DuplicateCorrelationId(envelope),
            NoPlace::Full => {
                let limit = self.broker.services().config.pending_requests;
                BrokerError::TooManyRequests { envelope, limit }
            }
        }
    }

    /// It could not be published, for the broker is closed.
    #[cold]
    fn closed(&mut self) -> BrokerError<M> {
        self.caller = None;
        let envelope = self.take_envelope();
        self.broker.services().closed(envelope)
    }

    // ===== how it goes on =====

    /// Publishes the request if that is still to be done, then waits for the reply, until `overdue` says that the
    /// time is out; while it is not, `overdue` sees to it that the task is woken.
    fn poll_ended(
        &mut self,
        cx: &mut Context<'_>,
        overdue: &mut impl FnMut(&mut Context<'_>) -> bool,
    ) -> Poll<Result<Ended, BrokerError<M>>> {
        if self.envelope.is_some() {
            match self.poll_publish(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    // For the waker: there is nothing to hear yet.
                    let _ = self.poll_caller(cx);
                    let is_over = overdue(cx);
                    return if is_over { Poll::Ready(Ok(self.time_out())) } else { Poll::Pending };
                }
            }
        }
        match self.poll_caller(cx) {
            Some(ended) => Poll::Ready(Ok(ended)),
            None if overdue(cx) => Poll::Ready(Ok(self.time_out())),
            None => Poll::Pending,
        }
    }

    /// Publishes the request that there was no room for.
    #[cold]
    fn poll_publish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BrokerError<M>>> {
        let Some(envelope) = &self.envelope else { return Poll::Ready(Ok(())) };
        let header = envelope.metadata.header();
        let publisher = self.broker.publisher();
        match publisher.poll_publish(&mut self.envelope, &mut self.wait, cx) {
            Poll::Ready(Ok(())) => {
                self.broker.services().published(&header);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(PublishError(back))) => {
                self.envelope = Some(back);
                Poll::Ready(Err(self.closed()))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_caller(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        self.caller.as_mut().map_or(Some(Ended::Closed), |caller| caller.poll_ended(cx))
    }

    #[inline(always)]
    fn ended(&self) -> Option<Ended> {
        self.caller.as_ref().map_or(Some(Ended::Closed), Caller::ended)
    }

    fn deadline(&self) -> Option<Instant> {
        self.broker.services().table().epoch.instant(self.deadline)
    }

    #[cold]
    fn time_out(&mut self) -> Ended {
        self.caller.as_mut().map_or(Ended::TimedOut, Caller::time_out)
    }
}

/// Wakes its task and lets others run first.
async fn let_others_run() {
    let mut have_run = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut have_run, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
