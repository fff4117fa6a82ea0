//! What came over the wire and was no message.

use std::sync::Arc;

use crate::bus::{BuildError, Bus, Publisher, Subscriber};
use crate::codec::wire_error::WireError;
use crate::envelope::Timestamp;
use crate::ring::cursor::Overflow;

/// What came over the wire and was no message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Undecodable {
    /// Where it came from: a subject, a channel, a stream and its entry.
    pub source: Arc<str>,
    /// All of it: the payload (NATS) or the frame (Redis).
    pub bytes: Arc<[u8]>,
    /// What is wrong with it.
    pub error: WireError,
    /// When it came.
    pub at: Timestamp,
}

/// Where it is kept for whoever listens.
pub(crate) struct Undecodables {
    bus: Bus<Undecodable>,
    publisher: Publisher<Undecodable>,
}

impl Undecodables {
    pub(crate) fn new(capacity: usize) -> Result<Self, BuildError> {
        let bus = Bus::builder().capacity(capacity).try_build()?;
        let publisher = bus.publisher();
        Ok(Self { bus, publisher })
    }

    pub(crate) fn add(&self, source: &str, bytes: &[u8], error: WireError) {
        let (source, bytes) = (source.into(), bytes.into());
        let letter = Undecodable { source, bytes, error, at: Timestamp::now() };
        // All subscriptions are lossy.
        drop(self.publisher.try_publish(letter));
    }

    pub(crate) fn subscribe(&self) -> Subscriber<Undecodable> {
        self.bus.subscriber().overflow(Overflow::DropOldest).subscribe()
    }
}
