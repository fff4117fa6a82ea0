//! What brokers beyond the process have in common to choose.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::broker::BrokerConfig;
use crate::ring::cursor::Overflow;

/// What is chosen of a broker beyond the process. The defaults are those of [`RemoteConfig::default`].
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// What the names of subjects, channels and streams begin with: one word of letters, digits, `-` and
    /// `_`. Brokers of the same prefix are one bus. `stentor` unless said.
    pub prefix: String,
    /// How large a message may be on the wire, in bytes, sent or received. 8 MiB unless said (NATS
    /// servers have a limit of their own, 1 MiB unless configured).
    pub max_message: usize,
    /// What is published while there is no connection. To wait for 5 s unless said.
    pub outage: Outage,
    /// How long to wait between tries to connect.
    pub backoff: Backoff,
    /// How long to wait for the server to confirm something: a subscription, a publish. 5 s unless said.
    pub confirm: Duration,
    /// How often a silent connection is tested by a ping. 60 s unless said.
    pub ping_interval: Duration,
    /// How long closing waits for what is still on its way, either way. 5 s unless said.
    pub drain: Duration,
    /// How many messages a stream may be behind; rounded up to a power of two. 1,024 unless said.
    pub buffer: usize,
    /// What happens to a stream that is further behind. With `Block` NATS keeps more in a
    /// buffer behind this one (`client_buffer`) and then drops and counts; Redis Pub/Sub drops and counts at once. With
    /// `DropOldest` the stream is told what it missed. With `Evict` it ends. `Block` unless said.
    pub overflow: Overflow,
    /// How many requests may wait for their replies, dead letters may be kept, and so on: as for a broker of
    /// one process, as far as it applies.
    pub broker: BrokerConfig,
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self {
            prefix: "stentor".into(),
            max_message: 8 << 20,
            outage: Outage::Wait(Duration::from_secs(5)),
            backoff: Backoff::default(),
            confirm: Duration::from_secs(5),
            ping_interval: Duration::from_secs(60),
            drain: Duration::from_secs(5),
            buffer: 1024,
            overflow: Overflow::Block,
            broker: BrokerConfig::default(),
        }
    }
}

/// What becomes of what is published while there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outage {
    /// The publisher gets it back at once.
    Fail,
    /// The publisher waits for the connection, at most for so long, and then gets it back.
    Wait(Duration),
    /// The broker keeps it ([`Published::Buffered`](crate::Published::Buffered)), in order, and sends it when the
    /// connection is there again, before anything newer. What finds no room comes back
    /// ([`RemoteError::BufferFull`](crate::RemoteError::BufferFull)). Requests are not kept: they wait, for as long as
    /// their caller does. What could not be sent by the end of the broker, and what may have been lost in the next
    /// outage, is a dead letter ([`Unsent`](crate::DeadLetterReason::Unsent)).
    Buffer {
        /// How many messages are kept at most.
        messages: usize,
        /// How many bytes they may have together, encoded.
        bytes: usize,
    },
}

/// What the names of a broker may begin with.
pub(crate) fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
}
