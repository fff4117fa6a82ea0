//! Stentor's brokers beyond the process, and the clients that they are made with, used as they are.

use std::time::Duration;

use ::stentor::{Codec, Postcard};

use crate::{entry::Entry, workload::Message};

mod jetstream;
mod nats;
mod redis;
mod redis_streams;
mod stentor;
mod waiting;

pub use self::stentor::{NatsCore, NatsJetStream, Over, RedisLog, RedisPubSub};

/// The clients; Stentor's brokers are in its own entry.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("async-nats", "the client of NATS, with the same headers")
            .remote::<nats::Client<nats::WithHeaders>>()
            .remote::<jetstream::Client>(),
        Entry::new("async-nats-plain", "the client of NATS, without headers")
            .remote::<nats::Client<nats::Plain>>(),
        Entry::new("redis", "the client of Redis, with the same frames")
            .remote::<redis::Client>()
            .remote::<redis_streams::Client>(),
    ]
}

/// How long a request waits: it is never answered late here.
const TIME_OUT: Duration = Duration::from_secs(60);

/// The bytes of a message: the codec is that of Stentor's brokers.
fn encode(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    Postcard.encode(message, &mut bytes).expect("it has bytes");
    bytes
}

/// The message of these bytes.
fn decode(bytes: &[u8]) -> Message {
    Postcard.decode(bytes).expect("a message")
}
