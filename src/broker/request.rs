//! Requests as their callers see them.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::broker::asking::Asking;
use crate::broker::broker::Message;
use crate::broker::dead_letter::DeadLetterReason;
use crate::broker::ending::Answer;
use crate::broker::error::BrokerError;
use crate::broker::memory::InMemoryMessageBroker;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::sync::Instant;

/// A request was not answered, and why.
#[non_exhaustive]
pub enum RequestError<M> {
    /// No reply came in time (or there was no room to publish the request in time); here is the request.
    TimedOut(MessageEnvelope<M>),
    /// Nobody will handle the request, and it is a dead letter.
    Undeliverable {
        /// The request.
        envelope: MessageEnvelope<M>,
        /// Why nobody will.
        reason: DeadLetterReason,
    },
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
            | Self::Undeliverable { envelope, .. }
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
            Self::Undeliverable { reason, .. } => {
                return write!(f, "nobody will handle the request: {reason}");
            }
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
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would keep the envelope twice")]
    pub fn request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> impl Future<Output = Result<MessageEnvelope<R>, RequestError<M>>> + Send
    where
        R: Message + TryFrom<M>,
    {
        async move {
            if self.bus().subscribers() == 0 {
                return Err(self.without_subscribers(envelope));
            }
            let mut asking = Asking::new(self);
            let asked = asking.ask(&envelope, timeout).await;
            let mut reply = MaybeUninit::uninit();
            if asking.take_as(&asked, &mut reply) {
                // SAFETY: so it is there.
                return Ok(unsafe { reply.assume_init() });
            }
            as_requested(asked.map(|ended| asking.answer(ended)), envelope)
        }
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
        let mut asking = Asking::new(self);
        let asked = asking.ask_blocking(&envelope, timeout);
        let mut reply = MaybeUninit::uninit();
        if asking.take_as(&asked, &mut reply) {
            // SAFETY: so it is there.
            return Ok(unsafe { reply.assume_init() });
        }
        as_requested(asked.map(|ended| asking.answer(ended)), envelope)
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

    #[expect(clippy::manual_async_fn, reason = "an `async fn` would keep the envelope twice")]
    pub(crate) fn publish_request_as<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<MessageEnvelope<R>>, BrokerError<M>>> + Send
    where
        R: Message + TryFrom<M>,
    {
        async move {
            if envelope.metadata.correlation_id.is_none() {
                return Err(BrokerError::MissingCorrelationId(envelope));
            }
            let mut asking = Asking::new(self);
            let asked = asking.ask(&envelope, timeout).await;
            let mut reply = MaybeUninit::uninit();
            if asking.take_as(&asked, &mut reply) {
                // SAFETY: so it is there.
                return Ok(Some(unsafe { reply.assume_init() }));
            }
            as_published(asked.map(|ended| asking.answer(ended)), envelope)
        }
    }
}

/// An answer as [`MessageBroker::publish_request`](crate::MessageBroker::publish_request) gives it.
pub(crate) fn as_published<M, R>(
    asked: Result<Answer<M>, BrokerError<M>>,
    request: MessageEnvelope<M>,
) -> Result<Option<MessageEnvelope<R>>, BrokerError<M>>
where
    M: Message,
    R: Message + TryFrom<M>,
{
    match asked? {
        Answer::Reply(reply) => convert(reply).map(Some).map_err(BrokerError::Unexpected),
        Answer::Undeliverable(reason) => {
            Err(BrokerError::Undeliverable { envelope: request, reason })
        }
        Answer::TimedOut => Ok(None),
        #[cfg(feature = "remote")]
        Answer::Nobody => Err(BrokerError::NoSubscribers(request)),
        Answer::Closed => Err(BrokerError::Closed(request)),
    }
}

/// An answer as `request` gives it.
pub(crate) fn as_requested<M, R>(
    asked: Result<Answer<M>, BrokerError<M>>,
    request: MessageEnvelope<M>,
) -> Result<MessageEnvelope<R>, RequestError<M>>
where
    M: Message,
    R: Message + TryFrom<M>,
{
    match asked {
        Ok(Answer::Reply(reply)) => convert(reply).map_err(RequestError::Unexpected),
        Ok(Answer::Undeliverable(reason)) => {
            Err(RequestError::Undeliverable { envelope: request, reason })
        }
        Ok(Answer::TimedOut) => Err(RequestError::TimedOut(request)),
        #[cfg(feature = "remote")]
        Ok(Answer::Nobody) => Err(RequestError::NoSubscribers(request)),
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
    let mut reply = Some(reply);
    // What is of the type already need not be cloned: its conversion would give back the same.
    if let Some(same) = (&mut reply as &mut dyn Any).downcast_mut::<Option<MessageEnvelope<R>>>()
        && let Some(same) = same.take()
    {
        return Ok(same);
    }
    let Some(reply) = reply else { unreachable!("nobody has taken it") };
    match R::try_from(reply.message.clone()) {
        Ok(message) => Ok(MessageEnvelope { message, metadata: reply.metadata }),
        Err(_) => Err(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::convert;
    use crate::envelope::MessageEnvelope;

    /// A message that nobody may clone.
    #[derive(Debug, PartialEq)]
    struct Unique(u64);

    impl Clone for Unique {
        fn clone(&self) -> Self {
            panic!("a reply of the type asked for was cloned")
        }
    }

    #[test]
    fn a_reply_of_the_type_asked_for_is_not_cloned() {
        let reply = MessageEnvelope::new(Unique(7));
        let id = reply.metadata.message_id;
        let converted = convert::<Unique, Unique>(reply).expect("the type asked for");
        assert_eq!((converted.message, converted.metadata.message_id), (Unique(7), id));
    }

    #[test]
    fn a_reply_of_another_type_comes_back() {
        let back = convert::<u64, u8>(MessageEnvelope::new(256)).expect_err("no u8");
        assert_eq!(back.message, 256);
        assert_eq!(convert::<u64, u8>(MessageEnvelope::new(255)).expect("a u8").message, 255);
    }
}
