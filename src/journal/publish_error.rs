//! What can go wrong between publishing a message and its being on disk.

use std::fmt;

use crate::broker::BrokerError;
use crate::envelope::MessageEnvelope;
use crate::journal::error::JournalError;

/// A message was not published, or is not known to be on disk.
#[non_exhaustive]
pub enum PublishDurableError<M> {
    /// The stage does not journal it: it is on another broker, or its pattern does not select the message. It was
    /// not published.
    NotSelected(MessageEnvelope<M>),
    /// The journal takes nothing more. The message was not published.
    Journal {
        /// The message.
        envelope: MessageEnvelope<M>,
        /// Why.
        source: JournalError,
    },
    /// The broker has not accepted it. The error has it.
    Broker(BrokerError<M>),
    /// It was published, and is not on disk, or that is not known.
    NotDurable(JournalError),
}

impl<M> PublishDurableError<M> {
    /// The message, if it was not published.
    pub fn into_envelope(self) -> Option<MessageEnvelope<M>> {
        match self {
            Self::NotSelected(envelope) | Self::Journal { envelope, .. } => Some(envelope),
            Self::Broker(error) => error.into_envelope(),
            Self::NotDurable(_) => None,
        }
    }
}

impl<M> fmt::Display for PublishDurableError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSelected(_) => f.write_str("the stage does not journal this message"),
            Self::Journal { source, .. } => source.fmt(f),
            Self::Broker(error) => error.fmt(f),
            Self::NotDurable(error) => {
                write!(f, "the message was published, and is not known to be on disk: {error}")
            }
        }
    }
}

impl<M> fmt::Debug for PublishDurableError<M> {
    /// The sentence, without the message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishDurableError({self})")
    }
}

impl<M> std::error::Error for PublishDurableError<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Journal { source, .. } | Self::NotDurable(source) => Some(source),
            Self::NotSelected(_) | Self::Broker(_) => None,
        }
    }
}
