//! Floor 5: plain data that travels, and nothing of how it travels.

mod address;
#[expect(clippy::module_inception, reason = "the envelope is what this floor is named after")]
mod envelope;
mod id;
mod origin;
mod timestamp;
mod topic;
mod trace;

pub use self::address::ActorAddress;
pub use self::envelope::{MessageEnvelope, MessageHeader, MessageMetadata};
pub use self::id::{CorrelationId, InvalidId, MessageId};
pub(crate) use self::id::{Unique, fresh_prefix};
pub use self::origin::Origin;
pub use self::timestamp::{Timestamp, Ttl};
pub use self::topic::{InvalidTopic, Topic, TopicPattern};
pub use self::trace::{InvalidTraceContext, TraceContext};
