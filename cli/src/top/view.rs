//! What is shown: the numbers of a snapshot, and the rates since the one before. `--json` prints this.

use serde::Serialize;
use stentor::inspect::ProcessSnapshot;

/// A process at one moment. Rates are per second; those that are not known yet are absent.
#[derive(Clone, Debug, Default, Serialize)]
pub struct View {
    /// Which process.
    pub process: ProcessSnapshot,
    /// The snapshot's number.
    pub sequence: u64,
    /// When it was taken, in nanoseconds since 1970.
    pub unix_ns: u64,
    /// The time since the one that rates are over.
    pub over_seconds: Option<f64>,
    pub buses: Vec<Bus>,
    pub subscribers: Vec<Subscriber>,
    pub threads: Vec<Thread>,
    pub handlers: Vec<Handler>,
    pub systems: Vec<System>,
    pub actors: Vec<Actor>,
    pub dead_letters: Vec<DeadLetters>,
    pub requests: Vec<Requests>,
    pub circuit_breakers: Vec<CircuitBreaker>,
    pub backends: Vec<Backend>,
}

/// A ring, and those who publish there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bus {
    pub name: String,
    pub publishers: u64,
    pub waiting_publishers: u64,
    pub published: u64,
    pub published_per_second: Option<f64>,
    pub unheard: u64,
    pub capacity: u64,
    /// Slots that somebody has yet to read.
    pub fill: u64,
    pub closed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Subscriber {
    pub bus: String,
    pub id: u64,
    pub name: String,
    pub lag: u64,
    /// How long ago the message that it reads next was published.
    pub lag_seconds: Option<f64>,
    /// That is only how long it has been looked at: the message is older.
    pub lag_is_longer: bool,
    /// By how many messages per second it falls behind (or catches up, if negative).
    pub trend_per_second: Option<f64>,
    /// The share of the ring that it is behind.
    pub behind: f64,
    pub read_per_second: Option<f64>,
    pub overflow: String,
    pub missed: u64,
    pub missed_per_second: Option<f64>,
    pub evicted: bool,
    pub parked: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Thread {
    pub router: String,
    pub name: String,
    pub core: Option<u64>,
    pub pin_refused: Option<String>,
    pub handlers: u64,
    /// The share of the time that it was in handlers.
    pub busy: Option<f64>,
    pub in_turn_seconds: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Handler {
    pub router: String,
    pub name: String,
    pub group: Option<String>,
    pub thread: u64,
    pub messages: u64,
    pub messages_per_second: Option<f64>,
    pub skipped: u64,
    pub lag: u64,
    pub waiting_seconds: f64,
    pub busy: Option<f64>,
    pub running_seconds: Option<f64>,
    pub missed: u64,
    pub panics: u64,
    pub last_panic: Option<String>,
    pub fate: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct System {
    pub name: String,
    pub state: String,
    pub living: u64,
    pub spawned: u64,
    pub handled: u64,
    pub handled_per_second: Option<f64>,
    pub dead_letters: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Actor {
    pub system: String,
    /// Its name, or else its address.
    pub name: String,
    pub depth: u64,
    pub capacity: u64,
    /// The share of its mailbox that is full.
    pub fill: f64,
    pub high_water: u64,
    pub oldest_seconds: Option<f64>,
    pub handled: u64,
    pub handled_per_second: Option<f64>,
    pub handling_p50_seconds: Option<f64>,
    pub handling_p99_seconds: Option<f64>,
    pub panics: u64,
    pub restarts: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeadLetters {
    pub broker: String,
    pub reason: String,
    pub count: u64,
    pub per_second: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Requests {
    pub broker: String,
    pub pending: u64,
    pub limit: u64,
    pub answered: u64,
    pub answered_per_second: Option<f64>,
    pub timed_out: u64,
    pub abandoned: u64,
    pub undeliverable: u64,
}

/// A circuit that is not closed; or, with no recipient, what the breaker counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CircuitBreaker {
    pub broker: String,
    pub recipient: Option<String>,
    pub state: String,
    pub recipients: u64,
    pub opened: u64,
    pub untracked: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Backend {
    pub name: String,
    pub backend: String,
    pub state: String,
    pub connections_lost: u64,
    pub interruptions: u64,
    pub published: u64,
    pub published_per_second: Option<f64>,
    pub received: u64,
    pub received_per_second: Option<f64>,
    pub dropped: u64,
    pub undecodable: u64,
    pub redelivered: u64,
    pub failed_acks: u64,
    pub streams: u64,
}
