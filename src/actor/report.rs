//! What an actor, or a system, has come to.

use std::sync::Arc;

use crate::envelope::ActorAddress;

/// Why an actor has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopCause {
    /// It was stopped: by [`ActorSystem::stop`](crate::ActorSystem::stop), by itself, or with its parent.
    Stopped,
    /// The system was shut down, and it had handled all that was in its mailbox.
    Drained,
    /// It panicked, and was to be stopped then.
    Panicked,
    /// Its task was dropped: it had not ended when the shutdown's time was over, or its runtime ended.
    Dropped,
    /// It has not ended: its handler blocks a thread.
    Stuck,
}

/// What an actor has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorReport {
    /// Its address.
    pub address: ActorAddress,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Why it has ended.
    pub cause: StopCause,
    /// Messages it has handled.
    pub handled: u64,
    /// Messages it had in its mailbox when it ended, which are dead letters now.
    pub left: u64,
    /// Messages that became dead letters before: those that it panicked with, that it dropped when it was
    /// restarted, that had expired.
    pub dropped: u64,
    /// How often it panicked.
    pub panics: u64,
    /// How often another was put in its place.
    pub restarts: u64,
}

/// What a system has come to: see [`ActorSystem::shutdown`](crate::ActorSystem::shutdown).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SystemReport {
    /// The actors that lived when it was shut down, by address.
    pub actors: Vec<ActorReport>,
    /// Messages handled by all actors, those that had ended before among them.
    pub handled: u64,
    /// Messages that the system has made dead letters of, from its beginning to its end.
    pub dead_letters: u64,
    /// Messages whose `Clone` panicked on the way to their mailbox: nobody has got them, not even as dead letters.
    pub clone_panics: u64,
}

impl SystemReport {
    /// The actor of this name.
    pub fn actor(&self, name: &str) -> Option<&ActorReport> {
        self.actors.iter().find(|actor| actor.name.as_deref() == Some(name))
    }

    /// Messages left in mailboxes, of all actors together.
    pub fn left(&self) -> u64 {
        self.actors.iter().map(|actor| actor.left).sum()
    }
}
