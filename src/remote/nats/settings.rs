//! What is chosen of JetStream.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};

/// What is chosen of the stream in which JetStream writes messages down. It is made if it is not there; if it is,
/// it is used as it is.
#[derive(Clone, Debug)]
#[must_use]
pub struct JetStream {
    pub(crate) config: Config,
    pub(crate) ack_wait: Duration,
    pub(crate) max_deliver: i64,
}

impl JetStream {
    /// A stream of this name, on disk, without limits. It takes all messages of the broker's prefix.
    pub fn new(name: impl Into<String>) -> Self {
        let config = Config { name: name.into(), ..Config::default() };
        Self { config, ack_wait: Duration::from_secs(30), max_deliver: -1 }
    }

    /// In the server's memory: gone when it ends.
    pub fn in_memory(mut self) -> Self {
        self.config.storage = StorageType::Memory;
        self
    }

    /// At most so many bytes; then the oldest messages go, unless [`refuse_when_full`](Self::refuse_when_full).
    pub fn max_bytes(mut self, bytes: u32) -> Self {
        self.config.max_bytes = bytes.into();
        self
    }

    /// At most so many messages, likewise.
    pub fn max_messages(mut self, messages: u32) -> Self {
        self.config.max_messages = messages.into();
        self
    }

    /// No message for longer than this.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.config.max_age = age;
        self
    }

    /// Once it is full publishing fails, and nothing goes.
    pub fn refuse_when_full(mut self) -> Self {
        self.config.discard = DiscardPolicy::New;
        self
    }

    /// For how long the server knows the message ids that it has seen, and does not write them down again. 2
    /// minutes unless said.
    pub fn dedup_window(mut self, window: Duration) -> Self {
        self.config.duplicate_window = window;
        self
    }

    /// After how long a message that a group has not acknowledged is delivered again. 30 s unless said.
    pub fn ack_wait(mut self, wait: Duration) -> Self {
        self.ack_wait = wait;
        self
    }

    /// How often a message is delivered to a group at most. As often as it takes unless said.
    pub fn max_deliver(mut self, times: u32) -> Self {
        self.max_deliver = times.into();
        self
    }
}
