//! Floor 6: brings envelopes from who publishes to all who subscribe. Knows the bus, envelopes and what
//! ties a reply to its request, and nothing of actors and networks.

mod asking;
#[expect(clippy::module_inception, reason = "the trait is what this floor is named after")]
mod broker;
mod builder;
mod config;
#[cfg(feature = "testing")]
pub mod conformance;
mod dead_letter;
mod dynamic;
mod ending;
pub(crate) mod epoch;
mod error;
#[cfg(feature = "remote")]
mod linked;
mod local;
mod memory;
mod metrics;
mod mock;
pub(crate) mod pending;
mod publishing;
mod request;
pub(crate) mod services;
mod slot;
mod stream;
pub(crate) mod subscription;
mod timer;

pub use self::broker::{Message, MessageBroker};
pub use self::builder::{BrokerBuilder, SubscribeOptions};
pub use self::config::{BrokerConfig, Clock, ConfigError, Timer};
#[cfg(any(feature = "actors", feature = "remote"))]
pub(crate) use self::dead_letter::DeadLetters;
pub use self::dead_letter::{DeadLetter, DeadLetterCounts, DeadLetterReason, Rejection};
pub use self::dynamic::{BoxError, BoxFuture, DynMessageBroker};
#[cfg(feature = "remote")]
pub(crate) use self::ending::Answer;
pub use self::error::BrokerError;
#[cfg(feature = "remote")]
pub use self::linked::{ConnectionState, LinkedBroker};
pub use self::local::LocalBroker;
pub use self::memory::InMemoryMessageBroker;
pub use self::metrics::{BrokerMetrics, RequestMetrics};
pub use self::mock::MockMessageBroker;
#[cfg(feature = "remote")]
pub(crate) use self::request::as_published;
#[cfg(feature = "remote")]
pub(crate) use self::request::as_requested;
pub use self::request::{PendingRequest, RequestError};
pub use self::stream::MessageStream;
