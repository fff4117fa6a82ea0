//! Looking into a running process: it registers what shall be seen, and serves snapshots over a socket.
//!
//! An [`Inspector`] knows what is registered, and keeps none of it alive. [`Inspector::serve`] listens at a Unix
//! socket that only its owner may open; the command `stentor top` shows what comes out, and [`Client`] is for
//! programs. What is served are the numbers that buses, routers, brokers and actor systems keep in any case
//! ([`Bus::stats`](crate::Bus::stats) and its like), so publishing and receiving cost what they cost without it.
//!
//! # What clients can do to the process
//! One thread serves them all, a bounded number of them. A snapshot is taken at most every 50 ms, and so seldom that
//! taking them costs a twentieth of one core at most; clients that ask more often wait for the next. Who does not read
//! its answer, or sends what is no request, is cut off. All of these are [`Limits`].
//!
//! # The wire form
//! A client sends a line, `snapshot`; the answer is a line of JSON, a [`Snapshot`] or `{"error": ".."}`. Then the client
//! may ask again. Counters only grow, and each snapshot has its sequence number and its time (`at_ns`), so two
//! snapshots give rates, whoever else asks.
//!
//! ```
//! use stentor::Bus;
//! use stentor::inspect::{Client, Inspector};
//!
//! # let directory = std::env::temp_dir().join(format!("stentor-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory)?;
//! # let path = directory.join("orders.sock");
//! let orders = Bus::<u64>::new(1024);
//! let inspector = Inspector::new("desk");
//! inspector.bus("orders", &orders);
//! let server = inspector.serve_at(&path)?; // or `serve()`, where `stentor top` looks
//!
//! orders.publisher().publish(7).unwrap();
//! let snapshot = Client::connect(&path)?.snapshot()?;
//! assert_eq!(snapshot.buses[0].published, 1);
//! # drop(server);
//! # std::fs::remove_dir(&directory)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "broker")]
mod brokers;
mod client;
mod connection;
mod error;
mod inspector;
mod limits;
mod recent;
mod server;
mod snapshot;
#[cfg(unix)]
mod socket;
mod sources;

pub use self::client::Client;
pub use self::error::InspectError;
pub use self::inspector::Inspector;
pub use self::limits::Limits;
pub use self::server::Server;
pub use self::snapshot::{
    ActorSnapshot, BrokerSnapshot, BusSnapshot, CircuitBreakerSnapshot, CircuitSnapshot,
    HandlerSnapshot, ProcessSnapshot, RemoteSnapshot, RequestSnapshot, RouterSnapshot, Snapshot,
    SubscriberSnapshot, SystemSnapshot, ThreadSnapshot,
};
#[cfg(unix)]
pub use self::socket::{directory, sockets};
