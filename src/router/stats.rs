//! What a router says of itself.

use std::time::Duration;

use crate::router::pin::Pinned;
use crate::router::record::HandlerId;
use crate::router::report::Fate;

/// A router at one moment. The numbers are read one after the other while its threads go on, so they
/// need not add up to the last message; those of a handler are written once for each batch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouterStats {
    /// Its name.
    pub name: String,
    /// Its threads.
    pub threads: Vec<ThreadStats>,
    /// The handlers that run and those that have ended by themselves, in the order in which they were
    /// added.
    pub handlers: Vec<HandlerStats>,
}

impl RouterStats {
    /// The first handler of this name.
    pub fn handler(&self, name: &str) -> Option<&HandlerStats> {
        self.handlers.iter().find(|handler| handler.name == name)
    }
}

/// A router's thread at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ThreadStats {
    /// What it is called, also in `top -H`.
    pub name: String,
    /// Where it runs.
    pub pinned: Pinned,
    /// Handlers on it.
    pub handlers: usize,
    /// How long it has been in handlers, in all.
    pub busy: Duration,
    /// For how long it has been calling handlers without looking for commands: one turn.
    pub in_turn: Option<Duration>,
}

/// A handler at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandlerStats {
    /// The handler.
    pub id: HandlerId,
    /// Its name.
    pub name: String,
    /// The group it is a member of.
    pub group: Option<String>,
    /// The number of its thread, from 0.
    pub thread: usize,
    /// Messages it was called with, and returned from.
    pub messages: u64,
    /// Messages it did not want, or that were another member's.
    pub skipped: u64,
    /// Batches that it read. `(messages + skipped) / batches` is their average size.
    pub batches: u64,
    /// The largest of them.
    pub largest_batch: u64,
    /// How often it panicked.
    pub panics: u64,
    /// What it said the last time.
    pub last_panic: Option<String>,
    /// Messages lost unread.
    pub missed: u64,
    /// Messages published and not read. If it has ended: those it left.
    pub lag: u64,
    /// For how long its oldest unread message has been the next in line: since the handler last moved
    /// on, or since its thread last began a turn (before which it had looked for messages of this one),
    /// whichever was later. Nothing while it is not behind.
    ///
    /// Messages carry no time of their own. If the handler was through before this turn, the message is
    /// younger than this; if it has a backlog, the message is older, for it waited behind others as well.
    pub waiting: Duration,
    /// How long it took, in all: from before the first to after the last message of each batch.
    pub busy: Duration,
    /// For how long it has been in the batch that it is in.
    pub running: Option<Duration>,
    /// How it ended, if it has.
    pub fate: Option<Fate>,
}
