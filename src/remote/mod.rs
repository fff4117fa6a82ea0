//! Floor 7: beyond the process. Knows brokers, codecs and servers, and nothing of actors.

#![cfg_attr(
    not(all(feature = "nats", feature = "redis")),
    allow(dead_code, reason = "what they share is there for both, and each uses its part")
)]

mod acked;
mod acks;
mod asking;
mod backend;
mod bridge;
mod broker;
mod builder;
mod config;
pub(crate) mod core;
mod error;
#[cfg(feature = "metrics")]
mod export;
mod feed;
mod link;
mod linked;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod origins;
mod outage;
mod outcome;
mod publish;
#[cfg(feature = "redis")]
mod redis;
mod subscribe;
mod undecodable;

pub use self::acked::{AckedStream, Delivery};
pub use self::bridge::{
    Bridge, BridgeBuilder, BridgeDrops, BridgeError, BridgePolicy, BridgeReport, BridgeStats,
};
pub use self::broker::RemoteBroker;
pub use self::builder::RemoteBuilder;
pub use self::config::{Outage, RemoteConfig};
pub use self::error::RemoteError;
pub use self::metrics::RemoteMetrics;
#[cfg(feature = "nats")]
pub use self::nats::{JetStream, NatsBuilder, NatsMessageBroker};
pub use self::outcome::{EntryId, Published};
#[cfg(feature = "redis")]
pub use self::redis::{RedisBuilder, RedisMessageBroker, RedisStreams};
pub use self::subscribe::{RemoteSubscribe, ReplayFrom};
pub use self::undecodable::Undecodable;
