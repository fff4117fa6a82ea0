//! Floor 7: beyond the process. Knows brokers, codecs and servers, and nothing of actors.

#![cfg_attr(
    not(all(feature = "nats", feature = "redis")),
    allow(dead_code, reason = "what they share is there for both, and each uses its part")
)]

mod acked;
mod asking;
mod config;
pub(crate) mod core;
mod error;
mod feed;
mod link;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod origins;
mod outcome;
#[cfg(feature = "redis")]
mod redis;
mod subscribe;

use crate::codec::{self, frame, wire_error};

pub use self::config::{Outage, RemoteConfig};
pub use self::core::Undecodable;
pub use self::error::RemoteError;
pub use self::link::ConnectionState;
pub use self::metrics::RemoteMetrics;
#[cfg(feature = "nats")]
pub use self::nats::{JetStream, NatsBuilder, NatsMessageBroker};
pub use self::outcome::{EntryId, Published};
#[cfg(feature = "redis")]
pub use self::redis::{RedisBuilder, RedisMessageBroker, RedisStreams};
pub use self::subscribe::{RemoteSubscribe, ReplayFrom};
