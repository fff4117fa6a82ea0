//! What shall be seen.

use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "broker")]
use crate::inspect::brokers;
use crate::inspect::error::InspectError;
use crate::inspect::limits::Limits;
use crate::inspect::recent::Recent;
use crate::inspect::server::Server;
use crate::inspect::snapshot::Snapshot;
use crate::inspect::sources::{self, Source};
use crate::sync::Mutex;

#[cfg(feature = "actors")]
use crate::actor::ActorSystem;
#[cfg(feature = "broker")]
use crate::broker::{InMemoryMessageBroker, Message};
use crate::bus::Bus;
#[cfg(feature = "broker")]
use crate::hook::Hook;
#[cfg(feature = "nats")]
use crate::remote::NatsMessageBroker;
#[cfg(feature = "redis")]
use crate::remote::RedisMessageBroker;
use crate::router::Router;

/// What shall be seen of a process, and of whom: see the [module](crate::inspect). Clones are the same inspector.
///
/// What is registered is not kept alive; when it goes, it is seen no more.
#[derive(Clone)]
pub struct Inspector {
    shared: Arc<Shared>,
    limits: Limits,
}

pub(crate) struct Shared {
    name: String,
    sources: Mutex<Vec<Source>>,
    recent: Mutex<Recent>,
}

impl Inspector {
    /// An inspector that sees nothing yet. Its name is that of the process for those who look: the socket is called
    /// after it.
    pub fn new(name: impl Into<String>) -> Self {
        let (sources, recent) = (Mutex::new(Vec::new()), Mutex::new(Recent::new(Instant::now())));
        let shared = Arc::new(Shared { name: name.into(), sources, recent });
        Self { shared, limits: Limits::default() }
    }

    /// What clients of the servers made from this handle may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    // ===== what shall be seen =====

    /// Shows a bus: its ring, its publishers and its subscribers.
    pub fn bus<T: Send + Sync + 'static>(&self, name: impl Into<String>, bus: &Bus<T>) {
        self.add(sources::bus(name.into(), bus));
    }

    /// Shows a router: its threads and its handlers.
    pub fn router<T: Send + Sync + 'static>(&self, router: &Router<T>) {
        self.add(sources::router(router));
    }

    /// Shows a broker of this process: its bus, requests, dead letters, and the circuit breakers among its
    /// [hooks](crate::Hook::each).
    #[cfg(feature = "broker")]
    pub fn broker<M: Message, H: Hook<M>>(
        &self,
        name: impl Into<String>,
        broker: &InMemoryMessageBroker<M, H>,
    ) {
        let name = name.into();
        self.bus(name.clone(), broker.bus());
        self.add(brokers::broker(name.clone(), broker));
        self.add(brokers::breakers(name, broker.services(), self.limits.listed));
    }

    /// Shows an actor system: its state, and its actors with their mailboxes.
    #[cfg(feature = "actors")]
    pub fn system<M: Message, B: crate::broker::MessageBroker<M>>(
        &self,
        name: impl Into<String>,
        system: &ActorSystem<M, B>,
    ) {
        self.add(brokers::system(name.into(), system, self.limits.listed));
    }

    /// Shows a broker at a NATS server: its connection, its counters, and the circuit breakers among its hooks.
    #[cfg(feature = "nats")]
    pub fn nats<M: Message, H: Hook<M>>(
        &self,
        name: impl Into<String>,
        broker: &NatsMessageBroker<M, H>,
    ) {
        self.remote(name.into(), "nats", broker.core());
    }

    /// Shows a broker at a Redis server, as [`nats`](Self::nats) does.
    #[cfg(feature = "redis")]
    pub fn redis<M: Message, H: Hook<M>>(
        &self,
        name: impl Into<String>,
        broker: &RedisMessageBroker<M, H>,
    ) {
        self.remote(name.into(), "redis", broker.core());
    }

    #[cfg(any(feature = "nats", feature = "redis"))]
    fn remote<M: Message, H: Hook<M>>(
        &self,
        name: String,
        backend: &'static str,
        core: &Arc<crate::remote::core::Core<M, H>>,
    ) {
        self.add(brokers::remote(name.clone(), backend, core));
        self.add(brokers::breakers(name, &core.services, self.limits.listed));
    }

    fn add(&self, source: Source) {
        self.shared.sources.lock().push(source);
    }

    // ===== looking =====

    /// A snapshot for the process itself, taken now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.recent.lock().take(&self.shared)
    }

    /// Serves snapshots at a Unix socket that only its owner may open, in [`directory`](crate::inspect::directory):
    /// its name is that of the inspector and the process id. There `stentor top` looks.
    ///
    /// # Errors
    /// The name cannot be that of a file, or the socket cannot be made.
    #[cfg(unix)]
    pub fn serve(&self) -> Result<Server, InspectError> {
        let path = crate::inspect::socket::own_path(&self.shared.name)?;
        self.serve_at(path)
    }

    /// The same at a path of choice. A socket that is left there from a process that is gone is replaced.
    ///
    /// # Errors
    /// Somebody serves there, it is something else, or the socket cannot be made.
    #[cfg(unix)]
    pub fn serve_at(&self, path: impl AsRef<Path>) -> Result<Server, InspectError> {
        Server::at_path(path.as_ref(), &self.shared, self.limits.clone())
    }

    /// Serves snapshots at a loopback address. Unlike the socket it is open to every user of the machine.
    ///
    /// # Errors
    /// It is no loopback address, or is taken.
    pub fn serve_tcp(&self, address: SocketAddr) -> Result<Server, InspectError> {
        Server::at_address(address, &self.shared, self.limits.clone())
    }
}

impl Shared {
    pub(crate) fn recent(&self) -> &Mutex<Recent> {
        &self.recent
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Has all that lives write down how it is doing, and forgets the rest. Holds no lock meanwhile: where a bus goes
    /// away at this moment, its messages are dropped here, and that is the user's code.
    pub(crate) fn look(&self, snapshot: &mut Snapshot) {
        let sources = self.sources.lock().clone();
        let mut gone = Vec::new();
        for source in sources {
            let look = AssertUnwindSafe(|| source(snapshot));
            if !matches!(catch_unwind(look), Ok(Some(()))) {
                gone.push(source);
            }
        }
        if !gone.is_empty() {
            let is_gone = |source: &Source| gone.iter().any(|other| Arc::ptr_eq(source, other));
            self.sources.lock().retain(|source| !is_gone(source));
        }
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Inspector");
        shown.field("name", &self.shared.name).field("limits", &self.limits);
        shown.finish_non_exhaustive()
    }
}
