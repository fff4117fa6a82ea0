//! A request from its publishing to its end.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::broker::broker::Message;
use crate::broker::config::Timer;
use crate::broker::dead_letter::{DeadLetterReason, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::memory::InMemoryMessageBroker;
use crate::broker::pending::{Caller, Heard, NoPlace};
use crate::broker::services::Services;
use crate::bus::{PublishError, PublishTimeoutError, RoomWait};
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};
use crate::sync::Instant;
use crate::wait::block_on::block_on;

/// How a request ended.
pub(crate) enum Answer<M> {
    Reply(MessageEnvelope<M>),
    /// Nobody will handle the request.
    Undeliverable(DeadLetterReason),
    TimedOut,
    /// Nobody is there who could reply.
    #[cfg(feature = "remote")]
    Nobody,
    Closed,
}

impl<M: Message, H: Hook<M>> InMemoryMessageBroker<M, H> {
    /// Publishes a request and waits, as a task, for its end.
    pub(crate) async fn ask(
        &self,
        request: &MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let mut asking = Asking::begin(self, request, timeout)?;
        match self.services().config.timer {
            Timer::Thread => {
                let deadline = asking.deadline;
                let mut watch = Watch { deadline, is_set: timeout.is_zero() };
                let mut overdue = |_: &mut Context<'_>| watch.is_over(self.services());
                poll_fn(|cx| asking.poll_answer(cx, &mut overdue)).await
            }
            #[cfg(feature = "tokio")]
            Timer::Tokio => {
                let mut sleep = std::pin::pin!(tokio::time::sleep(timeout));
                let mut overdue = |cx: &mut Context<'_>| sleep.as_mut().poll(cx).is_ready();
                poll_fn(|cx| asking.poll_answer(cx, &mut overdue)).await
            }
        }
    }

    /// Publishes a request and waits, as a thread, for its end.
    pub(crate) fn ask_blocking(
        &self,
        request: &MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let mut asking = Asking::begin(self, request, timeout)?;
        let Some(envelope) = asking.envelope.take() else { return Ok(Answer::Closed) };
        match self.publisher().publish_timeout(envelope, timeout) {
            Ok(()) => self.services().published(&asking.header, None),
            Err(PublishTimeoutError::Closed(envelope)) => return Err(asking.closed(envelope)),
            Err(PublishTimeoutError::Timeout(envelope)) => {
                asking.envelope = Some(envelope);
                return Ok(asking.timed_out());
            }
        }
        let deadline = asking.deadline;
        let heard = poll_fn(|cx| match asking.poll_heard(cx) {
            Some(heard) => Poll::Ready(heard),
            None => Poll::Pending,
        });
        match block_on(heard, &self.services().config.wait, deadline) {
            Some(heard) => Ok(asking.heard(heard)),
            None => Ok(asking.timed_out()),
        }
    }

    #[cold]
    fn no_place(&self, envelope: MessageEnvelope<M>, no_place: NoPlace) -> BrokerError<M> {
        match no_place {
            NoPlace::Duplicate => BrokerError::DuplicateCorrelationId(envelope),
            NoPlace::Full => {
                let limit = self.services().config.pending_requests;
                BrokerError::TooManyRequests { envelope, limit }
            }
        }
    }
}

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
struct Asking<'a, M: Message, H: Hook<M>> {
    broker: &'a InMemoryMessageBroker<M, H>,
    /// Its place, until it has ended.
    caller: Option<Caller<'a, M>>,
    /// The request, until it is published.
    envelope: Option<MessageEnvelope<M>>,
    wait: RoomWait,
    header: MessageHeader,
    started: Instant,
    deadline: Option<Instant>,
}

impl<'a, M: Message, H: Hook<M>> Asking<'a, M, H> {
    /// Makes room for a request, gives it a correlation id if it has none, and lets the hooks see it.
    #[inline(always)]
    fn begin(
        broker: &'a InMemoryMessageBroker<M, H>,
        request: &MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Self, BrokerError<M>> {
        let (services, started) = (broker.services(), Instant::now());
        let deadline = started.checked_add(timeout);
        let mut header = request.metadata.header();
        let caller = match services.table().enter(&mut header, deadline) {
            Ok(caller) => caller,
            Err(no_place) => return Err(broker.no_place(request.clone(), no_place)),
        };
        let mut envelope = request.clone();
        envelope.metadata.correlation_id = header.correlation_id;
        if let Err(refusal) = services.admit(&mut envelope) {
            return Err(services.refuse(envelope, refusal));
        }
        let (header, wait) = (envelope.metadata.header(), RoomWait::default());
        let (caller, envelope) = (Some(caller), Some(envelope));
        Ok(Self { broker, caller, envelope, wait, header, started, deadline })
    }

    /// Publishes the request, then waits for the reply, until `overdue` says that the time is out; while
    /// it is not, `overdue` sees to it that the task is woken.
    #[inline]
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        overdue: &mut impl FnMut(&mut Context<'_>) -> bool,
    ) -> Poll<Result<Answer<M>, BrokerError<M>>> {
        if self.envelope.is_some() {
            let publisher = self.broker.publisher();
            match publisher.poll_publish(&mut self.envelope, &mut self.wait, cx) {
                Poll::Ready(Ok(())) => self.broker.services().published(&self.header, None),
                Poll::Ready(Err(PublishError(back))) => return Poll::Ready(Err(self.closed(back))),
                Poll::Pending => {
                    // For the waker: there is nothing to hear yet.
                    let _ = self.poll_heard(cx);
                    let is_over = overdue(cx);
                    return if is_over { Poll::Ready(Ok(self.timed_out())) } else { Poll::Pending };
                }
            }
        }
        match self.poll_heard(cx) {
            Some(heard) => Poll::Ready(Ok(self.heard(heard))),
            None if overdue(cx) => Poll::Ready(Ok(self.timed_out())),
            None => Poll::Pending,
        }
    }

    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Option<Heard<M>> {
        self.caller.as_mut().map_or(Some(Heard::Closed), |caller| caller.poll_heard(cx))
    }

    // ===== how it ends =====

    /// It could not be published, for the broker is closed.
    fn closed(&mut self, envelope: MessageEnvelope<M>) -> BrokerError<M> {
        self.caller = None;
        self.broker.services().closed(envelope)
    }

    fn heard(&mut self, heard: Heard<M>) -> Answer<M> {
        match heard {
            Heard::Reply(reply) => {
                self.caller = None;
                self.answered(reply)
            }
            Heard::Refused(reason) => {
                self.caller = None;
                self.undeliverable(reason)
            }
            Heard::Closed => {
                self.abandon();
                Answer::Closed
            }
        }
    }

    fn timed_out(&mut self) -> Answer<M> {
        let Some(mut caller) = self.caller.take() else { return Answer::TimedOut };
        match caller.time_out() {
            Some(Ok(reply)) => return self.answered(reply),
            Some(Err(reason)) => return self.undeliverable(reason),
            None => {}
        }
        drop(caller);
        self.broker.services().counts.timed_out.add(1);
        self.tell(|request, after| Outcome::TimedOut { request, after });
        Answer::TimedOut
    }

    fn answered(&self, reply: MessageEnvelope<M>) -> Answer<M> {
        self.broker.services().counts.answered.add(1);
        self.tell(|request, after| Outcome::Answered { request, after });
        Answer::Reply(reply)
    }

    fn undeliverable(&self, reason: DeadLetterReason) -> Answer<M> {
        self.broker.services().counts.undeliverable.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        Answer::Undeliverable(reason)
    }

    /// Nobody waits for it any more.
    fn abandon(&mut self) {
        let Some(caller) = self.caller.take() else { return };
        let unread = caller.leave();
        self.broker.services().counts.abandoned.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        if let Some(Ok(reply)) = unread {
            self.broker.services().dead_letter(reply, DeadLetterReason::LateReply);
        }
    }

    /// Tells the hooks what came of it, or that it was not even published.
    #[inline(always)]
    fn tell<'b>(&'b self, outcome: impl FnOnce(&'b MessageHeader, Duration) -> Outcome<'b, M>) {
        let services = self.broker.services();
        if self.envelope.is_some() {
            services.let_out(&self.header, &Rejection::GIVEN_UP);
        } else if H::OUTCOMES {
            services.hooks.on_outcome(&outcome(&self.header, self.started.elapsed()));
        }
    }
}

impl<M: Message, H: Hook<M>> Drop for Asking<'_, M, H> {
    fn drop(&mut self) {
        self.abandon();
        self.broker.publisher().cancel_wait(&mut self.wait);
    }
}
