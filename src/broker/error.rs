//! What can go wrong at a broker. Messages come back to the caller; `Debug` never asks for `M: Debug`.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::broker::dead_letter::{DeadLetterReason, Rejection};
use crate::bus::SubscribeError;
use crate::envelope::{InvalidTopic, MessageEnvelope};

/// A broker has not done what it was asked to do. What was to be published comes back.
#[non_exhaustive]
pub enum BrokerError<M> {
    /// The broker is closed.
    Closed(MessageEnvelope<M>),
    /// A subscriber is a whole ring behind, and the call does not wait.
    Full(MessageEnvelope<M>),
    /// A hook has rejected the message, which is a dead letter now.
    Rejected {
        /// What was to be published.
        envelope: MessageEnvelope<M>,
        /// The name of the hook.
        by: &'static str,
        /// What it has against the message.
        reason: Cow<'static, str>,
        /// After how long another try may be worth it, if the hook knows.
        retry_after: Option<Duration>,
    },
    /// The message had expired before it was published, and is a dead letter now.
    Expired(MessageEnvelope<M>),
    /// A request needs a correlation id, and has none.
    MissingCorrelationId(MessageEnvelope<M>),
    /// Another request with this correlation id is pending.
    DuplicateCorrelationId(MessageEnvelope<M>),
    /// As many requests are pending as the broker has room for.
    TooManyRequests {
        /// The request.
        envelope: MessageEnvelope<M>,
        /// How many may be pending.
        limit: usize,
    },
    /// Nobody is subscribed who could reply to the request. Only some brokers know.
    NoSubscribers(MessageEnvelope<M>),
    /// The reply (this) is not of the type asked for.
    Unexpected(MessageEnvelope<M>),
    /// Nobody will handle the request, which is a dead letter now.
    Undeliverable {
        /// The request.
        envelope: MessageEnvelope<M>,
        /// Why nobody will.
        reason: DeadLetterReason,
    },
    /// The subscription could not be made.
    Subscribe(SubscribeError),
    /// A text is no topic pattern.
    Topic(InvalidTopic),
    /// What is behind the broker has failed.
    Backend {
        /// What was to be published, if anything was.
        envelope: Option<MessageEnvelope<M>>,
        /// What happened.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl<M> BrokerError<M> {
    /// The message that was not published (or, if it is `Unexpected`, the reply).
    pub fn into_envelope(self) -> Option<MessageEnvelope<M>> {
        match self {
            Self::Closed(envelope)
            | Self::Full(envelope)
            | Self::Rejected { envelope, .. }
            | Self::Expired(envelope)
            | Self::MissingCorrelationId(envelope)
            | Self::DuplicateCorrelationId(envelope)
            | Self::NoSubscribers(envelope)
            | Self::TooManyRequests { envelope, .. }
            | Self::Undeliverable { envelope, .. }
            | Self::Unexpected(envelope) => Some(envelope),
            Self::Subscribe(_) | Self::Topic(_) => None,
            Self::Backend { envelope, .. } => envelope,
        }
    }

    pub(crate) fn rejected(envelope: MessageEnvelope<M>, rejection: Rejection) -> Self {
        let Rejection { by, reason, retry_after } = rejection;
        Self::Rejected { envelope, by, reason, retry_after }
    }
}

impl<M> fmt::Display for BrokerError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("the broker is closed"),
            Self::Full(_) => f.write_str("a subscriber is a whole ring behind"),
            Self::Rejected { by, reason, retry_after, .. } => {
                let (reason, retry_after) = (reason.clone(), *retry_after);
                Rejection { by, reason, retry_after }.fmt(f)
            }
            Self::Expired(_) => f.write_str("the message has expired"),
            Self::MissingCorrelationId(_) => f.write_str("the request has no correlation id"),
            Self::DuplicateCorrelationId(envelope) => match envelope.metadata.correlation_id {
                Some(id) => write!(f, "a request with the correlation id {id} is pending already"),
                None => f.write_str("a request with the same correlation id is pending already"),
            },
            Self::TooManyRequests { limit, .. } => {
                write!(f, "{limit} requests are pending, which is the limit")
            }
            Self::NoSubscribers(_) => f.write_str("nobody is subscribed who could reply"),
            Self::Unexpected(_) => f.write_str("the reply is not of the type asked for"),
            Self::Undeliverable { reason, .. } => {
                write!(f, "nobody will handle the request: {reason}")
            }
            Self::Subscribe(error) => error.fmt(f),
            Self::Topic(error) => error.fmt(f),
            Self::Backend { .. } => f.write_str("the broker's backend has failed"),
        }
    }
}

impl<M> fmt::Debug for BrokerError<M> {
    /// The name of the case and the sentence, without the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerError({self})")
    }
}

impl<M> Error for BrokerError<M> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Backend { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

impl<M> From<SubscribeError> for BrokerError<M> {
    fn from(error: SubscribeError) -> Self {
        Self::Subscribe(error)
    }
}

impl<M> From<InvalidTopic> for BrokerError<M> {
    fn from(error: InvalidTopic) -> Self {
        Self::Topic(error)
    }
}
