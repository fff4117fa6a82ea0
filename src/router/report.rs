//! What a handler, or a router, has come to.

use std::time::Duration;

use crate::router::record::HandlerId;

/// What happens to the messages that handlers have not read when a router is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Each handler is called with all that was published before the shutdown, however long that takes:
    /// for ever, if one is stuck or waits for a stage that makes no progress.
    Yes,
    /// Handlers end after the batch they are in. Waits for those batches.
    No,
    /// As `Yes` for so long, then as `No`. A handler that is even then still in its batch is left to itself
    /// ([`Fate::Stuck`]): its thread ends when it returns.
    Within(Duration),
}

/// What happens to a handler that panics.
///
/// Either way the panic is counted and reported, and the message (of
/// [`handle_batch`](crate::HandlerBuilder::handle_batch): the batch) counts as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPanic {
    /// It is called no more and its subscription ends. In a group the others take over what it had not
    /// read.
    #[default]
    Remove,
    /// It goes on with the next message.
    Continue,
}

/// How a handler has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The router was shut down, and it has read all that was published before.
    Drained = 1,
    /// The router was shut down, or dropped, before it had read everything.
    Stopped,
    /// It was removed.
    Removed,
    /// The bus was closed, and it has read everything.
    Closed,
    /// Its subscription was evicted: see [`Overflow::Evict`](crate::Overflow::Evict).
    Evicted,
    /// It panicked, and was to be removed then.
    Panicked,
    /// It has not ended: it is still in its batch.
    Stuck,
}

impl Fate {
    /// The fate of this number; `None` for 0.
    pub(crate) fn from_code(code: usize) -> Option<Self> {
        use Fate::{Closed, Drained, Evicted, Panicked, Removed, Stopped, Stuck};
        let all = [Drained, Stopped, Removed, Closed, Evicted, Panicked, Stuck];
        all.into_iter().find(|fate| *fate as usize == code)
    }
}

/// What a handler has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerReport {
    /// The handler.
    pub id: HandlerId,
    /// Its name.
    pub name: String,
    /// The group it was a member of.
    pub group: Option<String>,
    /// How it ended.
    pub fate: Fate,
    /// Messages it was called with, and returned from.
    pub handled: u64,
    /// Messages it did not want, or that were another member's.
    pub skipped: u64,
    /// Messages published before its end was asked for that it had not read.
    pub left: u64,
    /// Messages lost unread by [`Overflow::DropOldest`](crate::Overflow::DropOldest) or
    /// [`Overflow::Evict`](crate::Overflow::Evict).
    pub dropped: u64,
    /// How often it panicked.
    pub panics: u64,
    /// What it said the last time.
    pub last_panic: Option<String>,
}

/// What a router has come to: see [`Router::shutdown`](crate::Router::shutdown).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The router's name.
    pub name: String,
    /// Its handlers, in the order in which they were added: those that ran until the shutdown, and those
    /// that had ended by themselves. Handlers that were removed told
    /// [`remove`](crate::HandlerHandle::remove) about it.
    pub handlers: Vec<HandlerReport>,
}

impl Report {
    /// Messages handled, by all handlers together.
    pub fn handled(&self) -> u64 {
        self.handlers.iter().map(|handler| handler.handled).sum()
    }

    /// Messages left, by all handlers together.
    pub fn left(&self) -> u64 {
        self.handlers.iter().map(|handler| handler.left).sum()
    }

    /// Messages dropped, by all handlers together.
    pub fn dropped(&self) -> u64 {
        self.handlers.iter().map(|handler| handler.dropped).sum()
    }

    /// Panics of all handlers together.
    pub fn panics(&self) -> u64 {
        self.handlers.iter().map(|handler| handler.panics).sum()
    }

    /// The first handler of this name.
    pub fn handler(&self, name: &str) -> Option<&HandlerReport> {
        self.handlers.iter().find(|handler| handler.name == name)
    }
}

/// A handler has panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PanicReport {
    /// The router's name.
    pub router: String,
    /// The handler.
    pub id: HandlerId,
    /// Its name.
    pub name: String,
    /// What the panic said, if that was text.
    pub message: String,
    /// How often this handler has panicked, this time included.
    pub panics: u64,
    /// What happens to it.
    pub policy: OnPanic,
}
