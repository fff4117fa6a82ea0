//! Why a router, or a handler, could not be made.

use std::error::Error;
use std::fmt;
use std::io;

use crate::bus::SubscribeError;

/// A router could not be started, or a handler not be added.
///
/// Its `Debug` says what its `Display` says, for who returns it from `main`.
#[non_exhaustive]
pub enum RouterError {
    /// A router of so many threads: expected 1 to 1,024.
    Threads {
        /// The number given to `threads`.
        threads: usize,
    },
    /// At most so many messages for each handler and turn: expected at least 1.
    Batch {
        /// The number given to `batch`.
        batch: usize,
    },
    /// A watchdog's threshold of nothing: every call would be stuck.
    Threshold,
    /// The system gave no thread.
    Spawn {
        /// The thread's name.
        name: String,
        /// What it said.
        error: io::Error,
    },
    /// A handler for a thread that the router does not have.
    NoSuchThread {
        /// The number given to `on_thread`.
        thread: usize,
        /// How many threads there are, numbered from 0.
        threads: usize,
    },
    /// The handler's subscription could not be made.
    Subscribe(SubscribeError),
    /// The router has been shut down.
    ShutDown,
}

impl fmt::Debug for RouterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouterError({self})")
    }
}

impl fmt::Display for RouterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads { threads } => {
                write!(f, "a router of {threads} threads: expected 1 to 1024")
            }
            Self::Batch { batch } => {
                write!(f, "a batch of {batch} messages for each handler: expected at least 1")
            }
            Self::Threshold => f.write_str("a watchdog's threshold of 0: expected a longer time"),
            Self::Spawn { name, error } => write!(f, "cannot start thread {name:?}: {error}"),
            Self::NoSuchThread { thread, threads } => {
                write!(
                    f,
                    "no thread {thread} in a router of {threads}: expected 0 to {}",
                    threads - 1
                )
            }
            Self::Subscribe(error) => error.fmt(f),
            Self::ShutDown => f.write_str("the router has been shut down"),
        }
    }
}

impl Error for RouterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Spawn { error, .. } => Some(error),
            Self::Subscribe(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SubscribeError> for RouterError {
    fn from(error: SubscribeError) -> Self {
        Self::Subscribe(error)
    }
}
