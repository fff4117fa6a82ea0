//! Messages over a Redis server.

mod broker;
mod builder;
mod channel;
mod connection;
mod pubsub;
mod streams;

pub use self::broker::RedisMessageBroker;
pub use self::builder::{RedisBuilder, RedisStreams};
