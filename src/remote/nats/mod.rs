//! Messages over a NATS server.

mod broker;
mod builder;
mod inbox;
mod jetstream;
mod pump;
mod wire;

pub use self::broker::NatsMessageBroker;
pub use self::builder::NatsBuilder;
pub use self::jetstream::JetStream;
