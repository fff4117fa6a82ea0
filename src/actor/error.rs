//! What can go wrong with actors. Messages come back to the caller; `Debug` never asks for `M: Debug`.

use std::error::Error;
use std::{fmt, io};

use crate::actor::system::SystemState;
use crate::broker::DeadLetterReason;
use crate::envelope::{ActorAddress, MessageEnvelope};

/// A system could not be started. `E` is the broker's error.
#[derive(Debug)]
#[non_exhaustive]
pub enum SystemError<E> {
    /// A value of the configuration cannot be.
    Config {
        /// The field of [`SystemConfig`](crate::SystemConfig).
        field: &'static str,
        /// Its value.
        value: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// There is no tokio runtime to run actors on.
    NoRuntime,
    /// A router thread could not be started.
    Router(crate::router::RouterError),
    /// The broker did not let the system subscribe.
    Broker(E),
}

impl<E: fmt::Display> fmt::Display for SystemError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { field, value, expected } => {
                write!(f, "{field} of {value}: expected {expected}")
            }
            Self::NoRuntime => f.write_str("not within a tokio runtime, which actors run on"),
            Self::Router(error) => error.fmt(f),
            Self::Broker(error) => {
                write!(f, "the broker did not let the system subscribe: {error}")
            }
        }
    }
}

impl<E: Error + 'static> Error for SystemError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Router(error) => Some(error),
            Self::Broker(error) => Some(error),
            Self::Config { .. } | Self::NoRuntime => None,
        }
    }
}

/// An actor was not spawned.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// An actor of this name lives.
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        address: ActorAddress,
    },
    /// The system does not run.
    NotRunning(SystemState),
    /// There are as many actors as there can be.
    TooManyActors {
        /// So many.
        limit: usize,
    },
    /// The system gives no thread for sync actors.
    Thread(io::Error),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken { name, address } => {
                write!(f, "the name {name:?} is taken by the actor {address}")
            }
            Self::NotRunning(state) => write!(f, "the system is {state}: expected running"),
            Self::TooManyActors { limit } => {
                write!(f, "there are {limit} actors, which is the limit")
            }
            Self::Thread(error) => write!(f, "no thread for sync actors: {error}"),
        }
    }
}

impl Error for SpawnError {}

/// A message was not sent, and why. `E` is the broker's error.
#[non_exhaustive]
pub enum SendError<M, E> {
    /// The system does not run (any more); here is the message.
    NotRunning {
        /// The message.
        envelope: MessageEnvelope<M>,
        /// The state of the system.
        state: SystemState,
    },
    /// The recipient's mailbox is full, and its policy is to say so; here is the message.
    MailboxFull(MessageEnvelope<M>),
    /// There is nobody to reply to; here is the reply.
    NoRecipient(MessageEnvelope<M>),
    /// The broker did not publish it; the error has the message, if the broker's errors do.
    Broker(E),
}

impl<M, E> SendError<M, E> {
    /// The message, unless the broker's error has it.
    pub fn into_envelope(self) -> Option<MessageEnvelope<M>> {
        match self {
            Self::NotRunning { envelope, .. }
            | Self::MailboxFull(envelope)
            | Self::NoRecipient(envelope) => Some(envelope),
            Self::Broker(_) => None,
        }
    }
}

impl<M, E: fmt::Display> fmt::Display for SendError<M, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { state, .. } => write!(f, "the system is {state}: expected running"),
            Self::MailboxFull(_) => f.write_str("the recipient's mailbox is full"),
            Self::NoRecipient(_) => {
                f.write_str("the message to reply to has neither reply_to nor sender")
            }
            Self::Broker(error) => error.fmt(f),
        }
    }
}

impl<M, E: fmt::Display> fmt::Debug for SendError<M, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendError({self})")
    }
}

impl<M, E: Error + 'static> Error for SendError<M, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Broker(error) = self { Some(error) } else { None }
    }
}

/// A request was not answered, and why. `E` is the broker's error.
#[non_exhaustive]
pub enum AskError<M, E> {
    /// The system does not run (any more); here is the request.
    NotRunning {
        /// The request.
        envelope: MessageEnvelope<M>,
        /// The state of the system.
        state: SystemState,
    },
    /// Nobody will handle the request, which is a dead letter now.
    Undeliverable {
        /// The request.
        envelope: MessageEnvelope<M>,
        /// Why nobody will.
        reason: DeadLetterReason,
    },
    /// No reply came in time; here is the request.
    TimedOut(MessageEnvelope<M>),
    /// What the broker says; its error has the message, if the broker's errors do.
    Broker(E),
}

impl<M, E> AskError<M, E> {
    /// The request, unless the broker's error has it.
    pub fn into_envelope(self) -> Option<MessageEnvelope<M>> {
        match self {
            Self::NotRunning { envelope, .. }
            | Self::Undeliverable { envelope, .. }
            | Self::TimedOut(envelope) => Some(envelope),
            Self::Broker(_) => None,
        }
    }
}

impl<M, E: fmt::Display> fmt::Display for AskError<M, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { state, .. } => write!(f, "the system is {state}: expected running"),
            Self::Undeliverable { reason, .. } => {
                write!(f, "nobody will handle the request: {reason}")
            }
            Self::TimedOut(_) => f.write_str("no reply came in time"),
            Self::Broker(error) => error.fmt(f),
        }
    }
}

impl<M, E: fmt::Display> fmt::Debug for AskError<M, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AskError({self})")
    }
}

impl<M, E: Error + 'static> Error for AskError<M, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Broker(error) = self { Some(error) } else { None }
    }
}
