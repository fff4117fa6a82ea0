//! Messages over a NATS server.

mod backend;
mod builder;
mod inbox;
mod jetstream;
mod pull;
mod pump;
mod reader;
mod settings;
mod wire;

pub use self::backend::NatsMessageBroker;
pub use self::builder::NatsBuilder;
pub use self::settings::JetStream;
