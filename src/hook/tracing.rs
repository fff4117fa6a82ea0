//! The trace of messages: their context, events of what happens to them, spans of their handling.

use std::fmt;
use std::sync::Arc;

use tracing::span::Id;
use tracing::{Level, Span, debug, span, trace};

use crate::broker::Rejection;
use crate::envelope::{MessageEnvelope, MessageHeader, MessageId, TraceContext};
use crate::hook::{Hook, Outcome};
use crate::sync::Mutex;

/// Spans that are kept in mind. One more than so many makes it forget another.
const KNOWN: usize = 1024;

/// Gives messages a trace context, tells [`tracing`] what happens to them, and makes spans for their
/// handling.
///
/// **Context.** A message that has none yet gets the [`TraceContext`] of the span it is published in:
/// all messages of one span share it. It travels with the envelope, and is what a `traceparent` header
/// says. Where another library names the spans (an exporter for OpenTelemetry, say), give it a function
/// that asks it: [`with_context`](Self::with_context).
///
/// **Events**, with the target `stentor::messages`: published and delivered (`TRACE`); not published,
/// dead letter, missed, and requests that timed out (`DEBUG`). What is not enabled costs a look at a
/// number.
///
/// **Spans.** Whoever handles a message asks for its span, [`handling`](Self::handling). It is the root
/// of a new trace, and *follows from* the span that the message was published in: a conversation is a
/// chain of short traces, not one without an end. It is made only if spans of level `TRACE` are enabled
/// for `stentor::messages`.
///
/// Of the last spans that have published something about 1,024 are kept in mind, by their ids: no span
/// lives longer for it.
///
/// ```
/// use stentor::{InMemoryMessageBroker, MessageEnvelope, Tracing};
///
/// let tracing = Tracing::new();
/// let broker = InMemoryMessageBroker::builder().hooks(tracing.clone()).build();
/// let mut stream = broker.subscribe_blocking().unwrap();
/// broker.publish_blocking(MessageEnvelope::new("hello")).unwrap();
///
/// let envelope = stream.recv_blocking().unwrap();
/// assert!(envelope.metadata.trace.unwrap().to_string().starts_with("00-"));
/// tracing.handling(&envelope).in_scope(|| println!("{}", envelope.message));
/// ```
#[derive(Clone)]
pub struct Tracing {
    shared: Arc<Shared>,
}

struct Shared {
    context: Option<ContextOf>,
    senders: Senders,
}

type ContextOf = Box<dyn Fn() -> Option<TraceContext> + Send + Sync>;

impl Tracing {
    /// Names spans itself.
    #[expect(clippy::new_without_default, reason = "each keeps spans of its own in mind")]
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { context: None, senders: Senders::new() }) }
    }

    /// Asks `context` for the context of the current span; where it knows none, names the span itself.
    pub fn with_context(
        context: impl Fn() -> Option<TraceContext> + Send + Sync + 'static,
    ) -> Self {
        let context: Option<ContextOf> = Some(Box::new(context));
        Self { shared: Arc::new(Shared { context, senders: Senders::new() }) }
    }

    /// The span for handling a message: the root of a new trace, linked to the span that the message was
    /// published in if that was in this process and is still open. Its fields are `message_id`, `topic`,
    /// `sender`, `recipient`, and the sender's `traceparent`. A disabled one if nobody listens.
    pub fn handling<M>(&self, envelope: &MessageEnvelope<M>) -> Span {
        let metadata = &envelope.metadata;
        let span = span!(
            target: "stentor::messages",
            parent: None,
            Level::TRACE,
            "handle",
            message_id = %metadata.message_id,
            topic = metadata.topic.as_ref().map(tracing::field::display),
            sender = metadata.sender.map(tracing::field::display),
            recipient = metadata.recipient.map(tracing::field::display),
            traceparent = metadata.trace.map(tracing::field::display),
        );
        if !span.is_disabled() {
            let sender = metadata.trace.and_then(|context| self.shared.senders.span_of(context));
            span.follows_from(sender);
        }
        span
    }

    /// The context of the current span.
    #[inline]
    fn current(&self, message: MessageId) -> TraceContext {
        if let Some(context) = self.shared.context.as_ref().and_then(|context| context()) {
            // The sender's span, to be linked to.
            if let Some(span) = Span::current().id() {
                self.shared.senders.keep(span, context);
            }
            return context;
        }
        match Span::current().id() {
            Some(span) => self.shared.senders.context_of(span, message),
            None => fresh(message),
        }
    }
}

/// The context of a new trace. It is named after its first message: no other process does so, and no random
/// number is needed.
fn fresh(message: MessageId) -> TraceContext {
    let bits = message.to_u128();
    // One to one for the messages of a process, and no two are near each other.
    let span_id = spread((bits >> 64) as u64 ^ spread(bits as u64));
    let context = TraceContext::new(bits, span_id.max(1), SAMPLED);
    context.expect("neither is 0: a message id never is")
}

/// The trace flag for a trace that is recorded.
const SAMPLED: u8 = 1;

/// The output function of SplitMix64: mixes all bits, one to one.
fn spread(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl<M> Hook<M> for Tracing {
    #[inline]
    fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
        let metadata = &mut envelope.metadata;
        if metadata.trace.is_none() {
            metadata.trace = Some(self.current(metadata.message_id));
        }
        Ok(())
    }

    #[inline]
    fn after_publish(&self, header: &MessageHeader) {
        trace!(
            target: "stentor::messages",
            message_id = %header.message_id,
            recipient = header.recipient.map(tracing::field::display),
            traceparent = header.trace.map(tracing::field::display),
            "published"
        );
    }

    fn on_reject(&self, header: &MessageHeader, rejection: &Rejection) {
        debug!(target: "stentor::messages", message_id = %header.message_id, %rejection, "not published");
    }

    #[inline]
    fn on_deliver(&self, envelope: &MessageEnvelope<M>, subscription: &str) {
        trace!(
            target: "stentor::messages",
            message_id = %envelope.metadata.message_id,
            traceparent = envelope.metadata.trace.map(tracing::field::display),
            subscription,
            "delivered"
        );
    }

    fn on_outcome(&self, outcome: &Outcome<'_, M>) {
        match outcome {
            Outcome::TimedOut { request, after } => {
                debug!(target: "stentor::messages", message_id = %request.message_id, ?after, "timed out");
            }
            Outcome::DeadLetter(letter) => {
                let id = letter.envelope.metadata.message_id;
                debug!(target: "stentor::messages", message_id = %id, reason = %letter.reason, "dead letter");
            }
            Outcome::Missed { subscription, count } => {
                debug!(target: "stentor::messages", subscription, count, "missed");
            }
            Outcome::Answered { .. } | Outcome::Abandoned { .. } => {}
        }
    }
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracing").finish_non_exhaustive()
    }
}

// ===== spans that have published something =====

/// Which context a span has, and which span a context. In places that are chosen by the id: the later of
/// two with the same place stays, and the other gets a new trace, or no link.
struct Senders {
    by_span: Box<[Place]>,
    by_context: Box<[Place]>,
}

type Place = Mutex<Option<(Id, TraceContext)>>;

impl Senders {
    fn new() -> Self {
        let places = || (0..KNOWN).map(|_| Mutex::new(None)).collect();
        Self { by_span: places(), by_context: places() }
    }

    /// The context of a span; one named after `message` if it has none yet.
    fn context_of(&self, span: Id, message: MessageId) -> TraceContext {
        let mut place = place(&self.by_span, spread(span.into_u64())).lock();
        match &*place {
            Some((known, context)) if *known == span => *context,
            _ => {
                let context = fresh(message);
                *place = Some((span.clone(), context));
                drop(place);
                *self.place_of(context).lock() = Some((span, context));
                context
            }
        }
    }

    /// Keeps in mind what another library says a span's context is.
    fn keep(&self, span: Id, context: TraceContext) {
        *self.place_of(context).lock() = Some((span, context));
    }

    /// The span of a context.
    fn span_of(&self, context: TraceContext) -> Option<Id> {
        let place = self.place_of(context).lock();
        place.as_ref().filter(|(_, known)| *known == context).map(|(span, _)| span.clone())
    }

    fn place_of(&self, context: TraceContext) -> &Place {
        place(&self.by_context, context.span_id())
    }
}

fn place(places: &[Place], spread: u64) -> &Place {
    &places[spread as usize % places.len()]
}
