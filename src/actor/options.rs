//! What can be chosen of an actor.

use std::time::Duration;

use crate::actor::mailbox::MailboxPolicy;
use crate::backoff::Backoff;

/// What can be chosen of an actor: see [`ActorSystem::spawn_with`](crate::ActorSystem::spawn_with).
///
/// ```
/// use stentor::{Backoff, Budget, MailboxPolicy, SpawnOptions, Supervision};
///
/// let options = SpawnOptions::new()
///     .name("matcher")
///     .mailbox(256, MailboxPolicy::DropOldest)
///     .supervision(Supervision::Restart { backoff: Backoff::default(), budget: Budget::default() })
///     .keep_mailbox(true);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until `spawn_with`"]
pub struct SpawnOptions {
    pub(crate) name: Option<String>,
    pub(crate) capacity: Option<usize>,
    pub(crate) policy: Option<MailboxPolicy>,
    pub(crate) supervision: Supervision,
    pub(crate) keep_mailbox: bool,
    pub(crate) thread: Option<usize>,
    /// It is a sync actor.
    pub(crate) is_sync: bool,
}

impl SpawnOptions {
    /// No name, the system's mailbox, and [`Supervision::Stop`].
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is called: unique among the living actors of its system.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many messages its mailbox holds, and what happens to more. A capacity of 0 is taken for 1.
    pub fn mailbox(mut self, capacity: usize, policy: MailboxPolicy) -> Self {
        self.capacity = Some(capacity.max(1));
        self.policy = Some(policy);
        self
    }

    /// What happens when it panics.
    pub fn supervision(mut self, supervision: Supervision) -> Self {
        self.supervision = supervision;
        self
    }

    /// Whether what is in its mailbox survives a restart; otherwise it becomes dead letters
    /// ([`Panicked`](crate::DeadLetterReason::Panicked)), as the message that panicked does in any case. False
    /// unless said.
    pub fn keep_mailbox(mut self, keep: bool) -> Self {
        self.keep_mailbox = keep;
        self
    }

    /// The number of the system's sync thread that drives it, from 0 (modulo how many there are). For a
    /// [`SyncActor`](crate::SyncActor) the threads take turns unless said; any other actor is a task of tokio's
    /// unless said.
    pub fn on_thread(mut self, thread: usize) -> Self {
        self.thread = Some(thread);
        self
    }

    pub(crate) fn sync(mut self) -> Self {
        self.is_sync = true;
        self
    }
}

/// What happens when an actor panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Supervision {
    /// It is stopped.
    #[default]
    Stop,
    /// Another one is made and takes its place, address and name. If there are too many restarts, it is stopped.
    Restart {
        /// How long to wait before each.
        backoff: Backoff,
        /// How many are too many.
        budget: Budget,
    },
    /// It is stopped, and its parent is treated as if it had panicked itself. An actor without a parent is
    /// stopped.
    Escalate,
}

impl Supervision {
    /// Restarts with the default backoff and budget.
    pub const RESTART: Self = Self::Restart { backoff: Backoff::DEFAULT, budget: Budget::DEFAULT };
}

/// How many restarts are too many: more than `restarts` in a row, none of them `within` or longer after the one
/// before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many are allowed. 5 by default.
    pub restarts: u32,
    /// What counts as in a row. A minute by default.
    pub within: Duration,
}

impl Budget {
    const DEFAULT: Self = Self { restarts: 5, within: Duration::from_secs(60) };
}

impl Default for Budget {
    fn default() -> Self {
        Self::DEFAULT
    }
}
