//! Floor 7: beyond the process. Knows brokers, codecs and servers, and nothing of actors.

#![cfg_attr(
    not(all(feature = "nats", feature = "redis")),
    allow(dead_code, reason = "what they share is there for both, and each uses its part")
)]

mod acked;
mod asking;
mod bridge;
mod codec;
mod config;
mod core;
mod error;
mod feed;
mod frame;
mod link;
mod linked;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod origins;
mod outcome;
#[cfg(feature = "redis")]
mod redis;
mod subscribe;
mod wire_error;

pub use self::bridge::{
    Bridge, BridgeBuilder, BridgeDrops, BridgeError, BridgePolicy, BridgeReport, BridgeStats,
};
#[cfg(feature = "json")]
pub use self::codec::Json;
pub use self::codec::{Codec, CodecError, Postcard};
pub use self::config::{Outage, RemoteConfig};
pub use self::core::Undecodable;
pub use self::error::RemoteError;
pub use self::frame::{decode_frame, encode_frame};
pub use self::link::ConnectionState;
pub use self::linked::LinkedBroker;
pub use self::metrics::RemoteMetrics;
#[cfg(feature = "nats")]
pub use self::nats::{JetStream, NatsBuilder, NatsMessageBroker};
pub use self::outcome::{EntryId, Published};
#[cfg(feature = "redis")]
pub use self::redis::{RedisBuilder, RedisMessageBroker, RedisStreams};
pub use self::subscribe::{RemoteSubscribe, ReplayFrom};
pub use self::wire_error::WireError;
