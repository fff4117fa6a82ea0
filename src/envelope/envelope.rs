//! A message and what is known of it.

use std::time::Duration;

use crate::envelope::address::ActorAddress;
use crate::envelope::id::{CorrelationId, MessageId};
use crate::envelope::origin::Origin;
use crate::envelope::timestamp::{Timestamp, Ttl};
use crate::envelope::topic::Topic;
use crate::envelope::trace::TraceContext;

/// A message and what is known of it.
///
/// The metadata has 128 bytes, so an envelope has 128 more than its message (rounded up to the larger
/// alignment). Cloning one allocates nothing beyond what cloning the message does.
///
/// ```
/// use stentor::{ActorAddress, CorrelationId, MessageEnvelope};
///
/// let (me, you) = (ActorAddress::new(), ActorAddress::new());
/// let question = MessageEnvelope::new("how much?")
///     .with_sender(me)
///     .with_recipient(you)
///     .with_reply_to(me)
///     .with_correlation_id(CorrelationId::new());
/// let answer = question.reply("three");
/// assert_eq!(answer.metadata.recipient, Some(me));
/// assert_eq!(answer.metadata.sender, Some(you));
/// assert_eq!(answer.metadata.correlation_id, question.metadata.correlation_id);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEnvelope<M> {
    /// The message.
    pub message: M,
    /// What is known of it.
    pub metadata: MessageMetadata,
}

/// What is known of a message: 128 bytes, of which `Option`s take none.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageMetadata {
    /// Its name. Copies share it.
    pub message_id: MessageId,
    /// Who sent it.
    pub sender: Option<ActorAddress>,
    /// For whom it is; the broker itself brings it to all who subscribe.
    pub recipient: Option<ActorAddress>,
    /// Where a reply should go. Only requests have it.
    pub reply_to: Option<ActorAddress>,
    /// Ties replies to their request.
    pub correlation_id: Option<CorrelationId>,
    /// When it was published. Set by the broker, unless it is set already.
    pub timestamp: Option<Timestamp>,
    /// What it is about.
    pub topic: Option<Topic>,
    /// For how long after its timestamp it is of use; for ever unless said.
    pub ttl: Option<Ttl>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Where it was published first, once a bridge has carried it. Who sends such a message on sends it no
    /// further than the ring: see [`Origin`].
    pub origin: Option<Origin>,
}

impl MessageMetadata {
    /// A fresh message id, and nothing else.
    #[inline]
    #[expect(clippy::new_without_default, reason = "each has its own id: none is the default")]
    pub fn new() -> Self {
        Self::with_id(MessageId::new())
    }

    /// This message id, and nothing else: for those who bring messages from elsewhere.
    #[inline]
    pub fn with_id(message_id: MessageId) -> Self {
        Self {
            message_id,
            sender: None,
            recipient: None,
            reply_to: None,
            correlation_id: None,
            timestamp: None,
            topic: None,
            ttl: None,
            trace: None,
            origin: None,
        }
    }

    /// Until when it is of use; `None` for ever, or as long as it has no timestamp.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let (published, ttl) = (self.timestamp?, self.ttl?);
        let nanos = ttl.as_duration().as_nanos() as u64;
        Some(Timestamp::from_nanos(published.as_nanos().saturating_add(nanos)))
    }

    /// Whether it is of no use any more. Looks at the clock only if it can expire.
    #[inline]
    pub fn is_expired(&self) -> bool {
        self.ttl.is_some() && self.expires_at().is_some_and(|at| at <= Timestamp::now())
    }

    /// What of it can be copied.
    #[inline(always)]
    pub fn header(&self) -> MessageHeader {
        MessageHeader {
            message_id: self.message_id,
            sender: self.sender,
            recipient: self.recipient,
            reply_to: self.reply_to,
            correlation_id: self.correlation_id,
            timestamp: self.timestamp,
            trace: self.trace,
        }
    }
}

/// What of the [`MessageMetadata`] can be copied and is needed afterwards. It is what is left of a message
/// that has gone its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageHeader {
    /// Its name.
    pub message_id: MessageId,
    /// Who sent it.
    pub sender: Option<ActorAddress>,
    /// For whom it is.
    pub recipient: Option<ActorAddress>,
    /// Where a reply should go.
    pub reply_to: Option<ActorAddress>,
    /// Ties replies to their request.
    pub correlation_id: Option<CorrelationId>,
    /// When it was published.
    pub timestamp: Option<Timestamp>,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
}

impl Clone for MessageMetadata {
    /// Copies all of it at once: field by field, it would be read again before the stores of the fields are through,
    /// by wider loads that have to wait for them.
    #[inline(always)]
    fn clone(&self) -> Self {
        if let Some(topic) = &self.topic {
            // The copy's.
            std::mem::forget(topic.clone());
        }
        // SAFETY: all but the topic is `Copy`, as `header` shows, and the topic was cloned for the copy.
        unsafe { std::ptr::read(self) }
    }
}

impl<M> MessageEnvelope<M> {
    /// An envelope around `message`, with a fresh message id and nothing else.
    #[inline]
    pub fn new(message: M) -> Self {
        Self { message, metadata: MessageMetadata::new() }
    }

    /// Says who sends it.
    #[must_use]
    pub fn with_sender(mut self, sender: ActorAddress) -> Self {
        self.metadata.sender = Some(sender);
        self
    }

    /// Says for whom it is.
    #[must_use]
    pub fn with_recipient(mut self, recipient: ActorAddress) -> Self {
        self.metadata.recipient = Some(recipient);
        self
    }

    /// Says what ties replies to it, or it to its request.
    #[must_use]
    pub fn with_correlation_id(mut self, id: CorrelationId) -> Self {
        self.metadata.correlation_id = Some(id);
        self
    }

    /// Says where replies should go.
    #[must_use]
    pub fn with_reply_to(mut self, reply_to: ActorAddress) -> Self {
        self.metadata.reply_to = Some(reply_to);
        self
    }

    /// Says what it is about.
    #[must_use]
    pub fn with_topic(mut self, topic: impl Into<Topic>) -> Self {
        self.metadata.topic = Some(topic.into());
        self
    }

    /// Says when it was sent; otherwise the broker does when it is published.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.metadata.timestamp = Some(timestamp);
        self
    }

    /// Says for how long after its timestamp it is of use (see [`Ttl::new`]).
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.metadata.ttl = Some(Ttl::new(ttl));
        self
    }

    /// Says which trace it belongs to.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceContext) -> Self {
        self.metadata.trace = Some(trace);
        self
    }

    /// The reply to this message: with its correlation id, to where it asks replies to go (or else to its
    /// sender), from its recipient.
    #[must_use]
    pub fn reply<R>(&self, message: R) -> MessageEnvelope<R> {
        let mut reply = MessageEnvelope::new(message);
        reply.metadata.sender = self.metadata.recipient;
        reply.metadata.recipient = self.metadata.reply_to.or(self.metadata.sender);
        reply.metadata.correlation_id = self.metadata.correlation_id;
        reply
    }

    /// The same envelope around another message.
    #[must_use]
    pub fn map<R>(self, f: impl FnOnce(M) -> R) -> MessageEnvelope<R> {
        MessageEnvelope { message: f(self.message), metadata: self.metadata }
    }
}

const _: () = assert!(size_of::<MessageMetadata>() == 128);
