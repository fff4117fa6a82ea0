//! Messages over a Redis server.

mod acks;
mod backend;
mod builder;
mod channel;
mod connection;
mod pubsub;
mod reader;
mod settings;
mod streams;

pub use self::backend::RedisMessageBroker;
pub use self::builder::RedisBuilder;
pub use self::settings::RedisStreams;
