//! What is served: a process at one moment. Fields are named as in the statistics they come from.
//!
//! Times are nanoseconds. A field that is added gets `#[serde(default)]`; one that changes its meaning, or goes,
//! makes another [`Snapshot::VERSION`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Defines what goes over the wire: all fields public, more of them to come.
macro_rules! wire {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)+
            }
        )+
    };
}

wire! {
    /// A process at one moment. Lists are in the order of registration.
    Snapshot {
        /// The version of the wire form.
        version: u32,
        /// Counts the snapshots of the inspector, from 1. Clients that ask at the same time get the same one.
        sequence: u64,
        /// When it was taken, on a clock that never goes back: since the inspector was made.
        at_ns: u64,
        /// When it was taken, by the system's clock: since 1970.
        unix_ns: u64,
        /// Of which process.
        process: ProcessSnapshot,
        /// Buses.
        buses: Vec<BusSnapshot>,
        /// Routers.
        routers: Vec<RouterSnapshot>,
        /// Brokers of the process; the bus underneath each is among the buses, with the same name.
        brokers: Vec<BrokerSnapshot>,
        /// Brokers beyond the process: the backends.
        remotes: Vec<RemoteSnapshot>,
        /// The circuit breakers of brokers.
        circuit_breakers: Vec<CircuitBreakerSnapshot>,
        /// Actor systems.
        systems: Vec<SystemSnapshot>,
    }

    /// A process.
    ProcessSnapshot {
        /// The inspector's name.
        name: String,
        /// The process id.
        pid: u32,
    }

    /// A bus: see [`BusStats`](crate::BusStats).
    BusSnapshot {
        /// The name it was registered with.
        name: String,
        /// Messages published so far.
        published: u64,
        /// Those of them that nobody was subscribed to hear.
        unheard: u64,
        /// Slots in the ring.
        capacity: u64,
        /// Messages kept for late joiners.
        retain: u64,
        /// Living publishers.
        publishers: u64,
        /// Publishers that sleep until there is room.
        waiting_publishers: u64,
        /// Nothing can be published any more.
        closed: bool,
        /// The subscriptions, oldest first.
        subscribers: Vec<SubscriberSnapshot>,
    }

    /// A subscription: see [`SubscriberStats`](crate::SubscriberStats).
    SubscriberSnapshot {
        /// Its id.
        id: u64,
        /// Its name.
        name: String,
        /// The sequence of the message it reads next.
        cursor: u64,
        /// Messages published and not read by it.
        lag: u64,
        /// Messages it has lost so far.
        missed: u64,
        /// What happens when it is in the way: `block`, `drop_oldest` or `evict`.
        overflow: String,
        /// It was in the way, and its subscription is over.
        evicted: bool,
        /// It sleeps until something is published.
        parked: bool,
    }

    /// A router: see [`RouterStats`](crate::RouterStats).
    RouterSnapshot {
        /// Its name.
        name: String,
        /// Its threads.
        threads: Vec<ThreadSnapshot>,
        /// Its handlers.
        handlers: Vec<HandlerSnapshot>,
    }

    /// A router's thread: see [`ThreadStats`](crate::ThreadStats).
    ThreadSnapshot {
        /// Its name.
        name: String,
        /// The core it is pinned to.
        core: Option<u64>,
        /// Why it is not pinned although it was to be.
        pin_refused: Option<String>,
        /// Handlers on it.
        handlers: u64,
        /// How long it has been in handlers, in all.
        busy_ns: u64,
        /// For how long it has been in its turn.
        in_turn_ns: Option<u64>,
    }

    /// A handler: see [`HandlerStats`](crate::HandlerStats).
    HandlerSnapshot {
        /// Its id.
        id: u64,
        /// Its name.
        name: String,
        /// The group it is a member of.
        group: Option<String>,
        /// The number of its thread, from 0.
        thread: u64,
        /// Messages it was called with, and returned from.
        messages: u64,
        /// Messages it did not want, or that were another member's.
        skipped: u64,
        /// How often it panicked.
        panics: u64,
        /// What it said the last time.
        last_panic: Option<String>,
        /// Messages lost unread.
        missed: u64,
        /// Messages published and not read.
        lag: u64,
        /// For how long its oldest unread message has been the next in line.
        waiting_ns: u64,
        /// How long it took, in all.
        busy_ns: u64,
        /// For how long it has been in the batch that it is in.
        running_ns: Option<u64>,
        /// How it ended, if it has: `panicked`, say.
        fate: Option<String>,
    }

    /// A broker of the process: see [`BrokerMetrics`](crate::BrokerMetrics).
    BrokerSnapshot {
        /// The name it was registered with.
        name: String,
        /// It has been shut down.
        closed: bool,
        /// Requests.
        requests: RequestSnapshot,
        /// Messages that nobody handled, by reason: `mailbox_full`, say.
        dead_letters: BTreeMap<String, u64>,
    }

    /// Requests: see [`RequestMetrics`](crate::RequestMetrics).
    RequestSnapshot {
        /// How many wait for their replies.
        pending: u64,
        /// How many may.
        limit: u64,
        /// How many were answered.
        answered: u64,
        /// How many were not in time.
        timed_out: u64,
        /// How many ended otherwise.
        abandoned: u64,
        /// How many ended at once, because nobody would handle them.
        undeliverable: u64,
    }

    /// A broker beyond the process: see [`RemoteMetrics`](crate::RemoteMetrics).
    RemoteSnapshot {
        /// The name it was registered with.
        name: String,
        /// What is behind it: `nats` or `redis`.
        backend: String,
        /// Its connection: `connected`, `reconnecting` or `closed`.
        state: String,
        /// How often the connection was lost.
        connections_lost: u64,
        /// How often a subscription was interrupted that has a connection of its own.
        interruptions: u64,
        /// Messages published.
        published: u64,
        /// Messages that came.
        received: u64,
        /// Messages that were dropped because a stream was too far behind.
        dropped: u64,
        /// What came and was no message.
        undecodable: u64,
        /// Messages delivered again.
        redelivered: u64,
        /// Acknowledgements that could not be sent.
        failed_acks: u64,
        /// Streams that are fed.
        streams: u64,
        /// Requests.
        requests: RequestSnapshot,
        /// Messages that nobody handled, by reason.
        dead_letters: BTreeMap<String, u64>,
    }

    /// A circuit breaker: see [`CircuitBreaker`](crate::CircuitBreaker).
    CircuitBreakerSnapshot {
        /// The name of its broker.
        broker: String,
        /// How many recipients are kept in mind.
        recipients: u64,
        /// How often a circuit has opened.
        opened: u64,
        /// How many failures were not counted because there was no place for their recipients.
        untracked: u64,
        /// Circuits that are not closed.
        circuits: Vec<CircuitSnapshot>,
    }

    /// A circuit that is not closed.
    CircuitSnapshot {
        /// The recipient's address.
        recipient: String,
        /// `open` or `half_open`.
        state: String,
    }

    /// An actor system: see [`SystemMetrics`](crate::SystemMetrics).
    SystemSnapshot {
        /// The name it was registered with.
        name: String,
        /// Where it is in its life: `running`, say.
        state: String,
        /// Actors that have been spawned.
        spawned: u64,
        /// Actors that live.
        living: u64,
        /// Messages handled by all actors, those that have ended among them.
        handled: u64,
        /// Messages that this system has made dead letters of.
        dead_letters: u64,
        /// The living actors with the fullest mailboxes, fullest first.
        actors: Vec<ActorSnapshot>,
    }

    /// An actor: see [`ActorMetrics`](crate::ActorMetrics).
    ActorSnapshot {
        /// Its address.
        address: String,
        /// Its name.
        name: Option<String>,
        /// Messages that it has not begun to handle.
        depth: u64,
        /// The most there have been at a time.
        high_water: u64,
        /// The most there can be.
        capacity: u64,
        /// Messages it has handled.
        handled: u64,
        /// How often it has panicked.
        panics: u64,
        /// How often another was put in its place.
        restarts: u64,
        /// A time that half of its messages did not take longer than, to the next power of two.
        handling_p50_ns: Option<u64>,
        /// The same for 99 of 100.
        handling_p99_ns: Option<u64>,
        /// How long ago the oldest message in its mailbox was published.
        oldest_ns: Option<u64>,
    }
}

impl Snapshot {
    /// The version of the wire form that this crate serves and reads.
    pub const VERSION: u32 = 1;
}
