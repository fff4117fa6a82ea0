//! What happens to actors.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::report::StopCause;
use crate::envelope::ActorAddress;

/// Something has happened to an actor: see [`ActorSystem::events`](crate::ActorSystem::events).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorEvent {
    /// The actor.
    pub address: ActorAddress,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// What has happened.
    pub kind: ActorEventKind,
}

/// What has happened to an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActorEventKind {
    /// It has been spawned.
    Started,
    /// It has ended.
    Stopped(StopCause),
    /// It has panicked: this is what the panic said.
    Panicked(Arc<str>),
    /// Another has been put in its place.
    Restarted {
        /// How often that has happened.
        restarts: u64,
        /// How long after the panic.
        after: Duration,
    },
}
