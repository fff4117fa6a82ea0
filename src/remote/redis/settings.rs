//! What is chosen of Redis Streams.

use std::time::Duration;

/// What is chosen of Redis Streams.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct RedisStreams {
    pub(crate) max_messages: Option<u64>,
    pub(crate) claim_after: Duration,
}

impl Default for RedisStreams {
    fn default() -> Self {
        Self { max_messages: None, claim_after: Duration::from_secs(30) }
    }
}

impl RedisStreams {
    /// A stream without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// About so many messages are kept at most (`MAXLEN ~`); then the oldest go, also those that a group has
    /// not handled.
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.max_messages = Some(messages);
        self
    }

    /// After how long a message that a member of a group has not acknowledged goes to another (`XAUTOCLAIM`). 30 s
    /// unless said.
    pub fn claim_after(mut self, idle: Duration) -> Self {
        self.claim_after = idle;
        self
    }
}
