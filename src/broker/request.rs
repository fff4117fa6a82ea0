//! Requests: a message is published, and its caller waits for the reply.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::broker::broker::Message;
use crate::broker::config::Timer;
use crate::broker::dead_letter::{DeadLetterReason, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::memory::InMemoryMessageBroker;
use crate::broker::pending::{Caller, Heard, NoPlace};
use crate::broker::services::Services;
use crate::bus::{PublishError, PublishTimeoutError};
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};
use crate::sync::Instant;
use crate::wait::block_on::block_on;

/// A request was not answered, and why.
#[non_exhaustive]
pub enum RequestError<M> {
    /// No reply came in time (or there was no room to publish the request in time); here is the request.
    TimedOut(MessageEnvelope<M>),
    /// Nobody is subscribed; here is the request, which was not published.
    NoSubscribers(MessageEnvelope<M>),
    /// The broker is closed, or was before a reply came; here is the request.
    Closed(MessageEnvelope<M>),
    /// The reply is not of the type asked for; here is the reply.
    Unexpected(MessageEnvelope<M>),
    /// The request was not published; the error has it.
    NotPublished(BrokerError<M>),
}

impl<M> RequestError<M> {
    /// The request (or, if it is `Unexpected`, the reply).
    pub fn into_envelope(self) -> Option<MessageEnvelope<M>> {
        match self {
            Self::TimedOut(envelope)
            | Self::NoSubscribers(envelope)
            | Self::Closed(envelope)
            | Self::Unexpected(envelope) => Some(envelope),
            Self::NotPublished(error) => error.into_envelope(),
        }
    }
}

impl<M> fmt::Display for RequestError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut(_) => "no reply came in time",
            Self::NoSubscribers(_) => "nobody is subscribed who could reply",
            Self::Closed(_) => "the broker is closed",
            Self::Unexpected(_) => "the reply is not of the type asked for",
            Self::NotPublished(error) => return error.fmt(f),
        })
    }
}

impl<M> fmt::Debug for RequestError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestError({self})")
    }
}

impl<M> Error for RequestError<M> {}

/// A request that somebody waits for, as whoever should answer it sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingRequest {
    /// Until when its caller waits; `None` for as long as it takes.
    pub deadline: Option<Instant>,
}

/// How a request ended.
enum Answer<M> {
    Reply(MessageEnvelope<M>),
    TimedOut,
    Closed,
}

impl<M: Message, H: Hook<M>> InMemoryMessageBroker<M, H> {
    /// Publishes a request and waits, as a task, for its reply, for `timeout` in all. Without a correlation id
    /// it is given one. See [`MessageBroker::publish_request`](crate::MessageBroker::publish_request) for
    /// what counts as its reply.
    ///
    /// # Errors
    /// It was not answered; the error says why, and has the request (or the unexpected reply).
    ///
    /// # Cancel safety
    /// Dropping the future makes room for another request at once. The request may have been published; a
    /// reply that still comes is a dead letter.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use stentor::{InMemoryMessageBroker, MessageBroker, MessageEnvelope};
    ///
    /// # futures_executor::block_on(async {
    /// let broker = InMemoryMessageBroker::<u64>::builder().build();
    /// let mut requests = broker.subscribe().await.unwrap();
    /// let replier = broker.clone();
    /// let answering = std::thread::spawn(move || {
    ///     let request = requests.recv_blocking().unwrap();
    ///     replier.publish_blocking(request.reply(request.message + 1)).unwrap();
    /// });
    /// let reply = broker.request::<u64>(MessageEnvelope::new(41), Duration::from_secs(60)).await;
    /// assert_eq!(reply.unwrap().message, 42);
    /// # answering.join().unwrap();
    /// # });
    /// ```
    pub async fn request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<MessageEnvelope<R>, RequestError<M>>
    where
        R: Message + TryFrom<M>,
    {
        if self.bus().subscribers() == 0 {
            return Err(self.without_subscribers(envelope));
        }
        let request = envelope.clone();
        conclude(self.ask(envelope, timeout).await, request)
    }

    /// As [`request`](Self::request), for a thread.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub fn request_blocking<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<MessageEnvelope<R>, RequestError<M>>
    where
        R: Message + TryFrom<M>,
    {
        if self.bus().subscribers() == 0 {
            return Err(self.without_subscribers(envelope));
        }
        let request = envelope.clone();
        conclude(self.ask_blocking(envelope, timeout), request)
    }

    /// Whether somebody (still) waits for a reply to this request, and until when: for those who answer, and
    /// may spare themselves the work.
    pub fn pending(&self, request: &MessageEnvelope<M>) -> Option<PendingRequest> {
        let table = self.services().table_if_used()?;
        let deadline = table.deadline_of(request.metadata.correlation_id?)?;
        Some(PendingRequest { deadline })
    }

    fn without_subscribers(&self, envelope: MessageEnvelope<M>) -> RequestError<M> {
        if self.is_closed() {
            RequestError::Closed(envelope)
        } else {
            RequestError::NoSubscribers(envelope)
        }
    }

    pub(crate) async fn publish_request_as<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Option<MessageEnvelope<R>>, BrokerError<M>>
    where
        R: Message + TryFrom<M>,
    {
        if envelope.metadata.correlation_id.is_none() {
            return Err(BrokerError::MissingCorrelationId(envelope));
        }
        let request = envelope.clone();
        match self.ask(envelope, timeout).await? {
            Answer::Reply(reply) => convert(reply).map(Some).map_err(BrokerError::Unexpected),
            Answer::TimedOut => Ok(None),
            Answer::Closed => Err(BrokerError::Closed(request)),
        }
    }

    // ===== asking, as a task and as a thread =====

    async fn ask(
        &self,
        mut envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let started = Instant::now();
        let deadline = started.checked_add(timeout);
        let caller = match self.enter(&mut envelope, deadline) {
            Ok(caller) => caller,
            Err(no_place) => return Err(self.no_place(envelope, no_place)),
        };
        if let Err(refusal) = self.services().admit(&mut envelope) {
            return Err(self.services().refuse(envelope, refusal));
        }
        let header = envelope.metadata.header();
        let asking = Asking::new(self.services(), caller, header, started);
        match self.services().config.timer {
            Timer::Thread => {
                let mut watch = Watch { deadline, is_set: timeout.is_zero() };
                let overdue = |_: &mut Context<'_>| watch.is_over(self.services());
                self.ask_until(envelope, asking, overdue).await
            }
            #[cfg(feature = "tokio")]
            Timer::Tokio => {
                let mut sleep = pin!(tokio::time::sleep(timeout));
                let overdue = |cx: &mut Context<'_>| sleep.as_mut().poll(cx).is_ready();
                self.ask_until(envelope, asking, overdue).await
            }
        }
    }

    /// Publishes and waits, as a task, until `overdue` says that the time is out, or wakes the task for it.
    async fn ask_until(
        &self,
        envelope: MessageEnvelope<M>,
        mut asking: Asking<'_, M, H>,
        mut overdue: impl FnMut(&mut Context<'_>) -> bool,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let mut publishing = pin!(self.publisher().publish_async(envelope));
        let published = poll_fn(|cx| {
            if let Poll::Ready(published) = publishing.as_mut().poll(cx) {
                return Poll::Ready(Some(published));
            }
            asking.leave_waker(cx);
            if overdue(cx) { Poll::Ready(None) } else { Poll::Pending }
        });
        match published.await {
            Some(Ok(())) => asking.published(),
            Some(Err(PublishError(envelope))) => return Err(asking.closed(envelope)),
            None => return Ok(asking.timed_out()),
        }
        let heard = poll_fn(|cx| match asking.poll_heard(cx) {
            Some(heard) => Poll::Ready(Some(heard)),
            None if overdue(cx) => Poll::Ready(None),
            None => Poll::Pending,
        });
        match heard.await {
            Some(heard) => Ok(asking.heard(heard)),
            None => Ok(asking.timed_out()),
        }
    }

    fn ask_blocking(
        &self,
        mut envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let started = Instant::now();
        let deadline = started.checked_add(timeout);
        let caller = match self.enter(&mut envelope, deadline) {
            Ok(caller) => caller,
            Err(no_place) => return Err(self.no_place(envelope, no_place)),
        };
        if let Err(refusal) = self.services().admit(&mut envelope) {
            return Err(self.services().refuse(envelope, refusal));
        }
        let header = envelope.metadata.header();
        let mut asking = Asking::new(self.services(), caller, header, started);
        match self.publisher().publish_timeout(envelope, timeout) {
            Ok(()) => asking.published(),
            Err(PublishTimeoutError::Closed(envelope)) => return Err(asking.closed(envelope)),
            Err(PublishTimeoutError::Timeout(_)) => return Ok(asking.timed_out()),
        }
        let heard = poll_fn(|cx| match asking.poll_heard(cx) {
            Some(heard) => Poll::Ready(heard),
            None => Poll::Pending,
        });
        match block_on(heard, &self.services().config.wait, deadline) {
            Some(heard) => Ok(asking.heard(heard)),
            None => Ok(asking.timed_out()),
        }
    }

    /// Makes room for a request.
    fn enter(
        &self,
        envelope: &mut MessageEnvelope<M>,
        deadline: Option<Instant>,
    ) -> Result<Caller<'_, M>, NoPlace> {
        let mut header = envelope.metadata.header();
        let caller = self.services().table().enter(&mut header, deadline)?;
        envelope.metadata.correlation_id = header.correlation_id;
        Ok(caller)
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

/// The answer of a request, as its caller wants it.
fn conclude<M, R>(
    asked: Result<Answer<M>, BrokerError<M>>,
    request: MessageEnvelope<M>,
) -> Result<MessageEnvelope<R>, RequestError<M>>
where
    M: Message,
    R: Message + TryFrom<M>,
{
    match asked {
        Ok(Answer::Reply(reply)) => convert(reply).map_err(RequestError::Unexpected),
        Ok(Answer::TimedOut) => Err(RequestError::TimedOut(request)),
        Ok(Answer::Closed) => Err(RequestError::Closed(request)),
        Err(BrokerError::Closed(request)) => Err(RequestError::Closed(request)),
        Err(error) => Err(RequestError::NotPublished(error)),
    }
}

/// A reply as what was asked for; it comes back if it is not that.
fn convert<M, R>(reply: MessageEnvelope<M>) -> Result<MessageEnvelope<R>, MessageEnvelope<M>>
where
    M: Message,
    R: Message + TryFrom<M>,
{
    match R::try_from(reply.message.clone()) {
        Ok(message) => Ok(MessageEnvelope { message, metadata: reply.metadata }),
        Err(_) => Err(reply),
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

/// A request that somebody waits for; its hooks are told how it ends.
struct Asking<'a, M: Message, H: Hook<M>> {
    services: &'a Services<M, H>,
    caller: Option<Caller<'a, M>>,
    is_published: bool,
    header: MessageHeader,
    started: Instant,
}

impl<'a, M: Message, H: Hook<M>> Asking<'a, M, H> {
    fn new(
        services: &'a Services<M, H>,
        caller: Caller<'a, M>,
        header: MessageHeader,
        started: Instant,
    ) -> Self {
        Self { services, caller: Some(caller), is_published: false, header, started }
    }

    fn published(&mut self) {
        self.is_published = true;
        self.services.published(&self.header, None);
    }

    /// It could not be published, for the broker is closed.
    fn closed(mut self, envelope: MessageEnvelope<M>) -> BrokerError<M> {
        self.caller = None;
        self.services.closed(envelope)
    }

    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Option<Heard<M>> {
        self.caller.as_mut().map_or(Some(Heard::Closed), |caller| caller.poll_heard(cx))
    }

    fn leave_waker(&mut self, cx: &mut Context<'_>) {
        // Nobody knows of the request yet, so there is nothing to hear but that the broker is closed,
        // which ends its publishing as well.
        let _ = self.poll_heard(cx);
    }

    fn heard(mut self, heard: Heard<M>) -> Answer<M> {
        match heard {
            Heard::Reply(reply) => {
                self.caller = None;
                self.answered(reply)
            }
            // Dropping `self` does the rest.
            Heard::Closed => Answer::Closed,
        }
    }

    fn timed_out(mut self) -> Answer<M> {
        let Some(mut caller) = self.caller.take() else { return Answer::TimedOut };
        if let Some(reply) = caller.time_out() {
            return self.answered(reply);
        }
        drop(caller);
        self.services.counts.timed_out.add(1);
        self.tell(|request, after| Outcome::TimedOut { request, after });
        Answer::TimedOut
    }

    fn answered(&self, reply: MessageEnvelope<M>) -> Answer<M> {
        self.services.counts.answered.add(1);
        self.tell(|request, after| Outcome::Answered { request, after });
        Answer::Reply(reply)
    }

    /// Tells the hooks what came of it, or that it was not even published.
    #[inline(always)]
    fn tell<'b>(&'b self, outcome: impl FnOnce(&'b MessageHeader, Duration) -> Outcome<'b, M>) {
        if !self.is_published {
            self.services.let_out(&self.header, &Rejection::GIVEN_UP);
        } else if H::OUTCOMES {
            let outcome = outcome(&self.header, self.started.elapsed());
            self.services.hooks.on_outcome(&outcome);
        }
    }
}

impl<M: Message, H: Hook<M>> Drop for Asking<'_, M, H> {
    fn drop(&mut self) {
        let Some(caller) = self.caller.take() else { return };
        let unread = caller.leave();
        self.services.counts.abandoned.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        if let Some(reply) = unread {
            self.services.dead_letter(reply, DeadLetterReason::LateReply);
        }
    }
}
