//! Hooks: code that runs where messages are published and delivered.

#[cfg(feature = "circuit-breaker")]
mod circuit;
#[cfg(feature = "circuit-breaker")]
mod circuit_breaker;
#[cfg(any(feature = "circuit-breaker", feature = "rate-limit"))]
mod keyed;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "persist")]
mod persist;
#[cfg(feature = "rate-limit")]
mod rate_limit;
#[cfg(feature = "tracing")]
mod tracing;
mod tuple;

use std::any::Any;
use std::time::Duration;

use crate::broker::{DeadLetter, Rejection};
use crate::envelope::{MessageEnvelope, MessageHeader};

#[cfg(feature = "circuit-breaker")]
pub use self::circuit::CircuitState;
#[cfg(feature = "circuit-breaker")]
pub use self::circuit_breaker::CircuitBreaker;
#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
#[cfg(feature = "persist")]
pub use self::persist::{MessageLog, Persist, RingJournal};
#[cfg(feature = "rate-limit")]
pub use self::rate_limit::RateLimit;
#[cfg(feature = "tracing")]
pub use self::tracing::Tracing;

/// Code that runs where a broker publishes and delivers messages: to reject, to measure, to trace.
///
/// A broker has one hook, which may be a tuple of up to eight, or of tuples. They are put together when
/// the program is compiled: a call of a hook is a direct call, and what a hook leaves out costs nothing.
/// `()` is the hook of a broker without hooks.
///
/// # Order
/// Hooks lie around the broker like skins. On the way in, `before_publish` runs from the first of a tuple
/// to the last; everything else comes back out and runs from the last to the first. So what the
/// first hook of a tuple sees includes what the others do.
///
/// For each message whose `before_publish` a hook has let pass, it gets exactly one of `after_publish` and
/// `on_reject` (unless a hook or an `M::clone` panics).
///
/// # What a hook may do
/// It runs on the thread, or in the task, that publishes (or receives, or learns of the outcome), and that
/// waits for it: so it should be quick, and must not wait. Many threads call it at a time. A panic goes on to
/// whoever published or received. To publish from within a hook is possible, and runs the hooks again.
///
/// # Examples
/// ```
/// use stentor::{Hook, InMemoryMessageBroker, MessageEnvelope, Rejection};
///
/// /// Lets nobody publish what is too long.
/// struct Short(usize);
///
/// impl Hook<String> for Short {
///     fn before_publish(&self, envelope: &mut MessageEnvelope<String>) -> Result<(), Rejection> {
///         if envelope.message.len() <= self.0 {
///             return Ok(());
///         }
///         Err(Rejection::new("short", format!("longer than {} bytes", self.0)))
///     }
/// }
///
/// let broker = InMemoryMessageBroker::<String>::builder().hooks(Short(5)).build();
/// broker.publish_blocking(MessageEnvelope::new("hello".into())).unwrap();
/// let error = broker.publish_blocking(MessageEnvelope::new("hello world".into())).unwrap_err();
/// assert_eq!(error.to_string(), "rejected by short: longer than 5 bytes");
/// ```
#[expect(unused_variables, reason = "the default methods do nothing")]
pub trait Hook<M>: Send + Sync + 'static {
    /// Whether `on_deliver` does something. If not, saying so spares a call for each delivery.
    const DELIVERIES: bool = true;

    /// Whether `on_outcome` does something. If not, saying so spares a look at the clock for each request.
    const OUTCOMES: bool = true;

    /// A message is about to be published. May change the envelope (add a trace context, say), and may
    /// reject it: then the publisher gets it back, it becomes a dead letter, and the hooks that follow
    /// do not see it.
    #[inline(always)]
    fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
        Ok(())
    }

    /// A message that this hook let pass has been published. Subscribers may have handled it already.
    #[inline(always)]
    fn after_publish(&self, header: &MessageHeader) {}

    /// A message that this hook let pass has not been published: a later hook rejected it, or the broker
    /// did (`rejection.by` is [`Rejection::BROKER`]: it is closed, there was no room, the publisher gave up
    /// waiting).
    #[inline(always)]
    fn on_reject(&self, header: &MessageHeader, rejection: &Rejection) {}

    /// The subscription of this name receives a message (through a
    /// [`MessageStream`](crate::MessageStream)).
    #[inline(always)]
    fn on_deliver(&self, envelope: &MessageEnvelope<M>, subscription: &str) {}

    /// Something came of a message, or of a request.
    #[inline(always)]
    fn on_outcome(&self, outcome: &Outcome<'_, M>) {}

    /// Shows each hook that this one is made of, for who looks for one by its type. One that has others in it (as
    /// tuples have) shows those.
    ///
    /// ```
    /// use stentor::Hook;
    ///
    /// struct Tenant(&'static str);
    /// impl<M> Hook<M> for Tenant {}
    ///
    /// let mut found = None;
    /// Hook::<String>::each(&((), (Tenant("exchange"),)), &mut |hook| {
    ///     found = hook.downcast_ref::<Tenant>().map(|tenant| tenant.0).or(found);
    /// });
    /// assert_eq!(found, Some("exchange"));
    /// ```
    fn each(&self, look: &mut dyn FnMut(&dyn Any))
    where
        Self: Sized,
    {
        look(self);
    }
}

/// What came of a message, or of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome<'a, M> {
    /// The reply to a request has come.
    Answered {
        /// The request.
        request: &'a MessageHeader,
        /// The time since it was published.
        after: Duration,
    },
    /// No reply came in time.
    TimedOut {
        /// The request.
        request: &'a MessageHeader,
        /// The time since it was published.
        after: Duration,
    },
    /// A request is over without either: its caller gave up, or the broker was closed.
    Abandoned {
        /// The request.
        request: &'a MessageHeader,
        /// The time since it was published.
        after: Duration,
    },
    /// Nobody will handle a message. Every hook is told of every dead letter, also of a message that it
    /// has rejected itself.
    DeadLetter(&'a DeadLetter<M>),
    /// A lossy subscription has lost messages.
    Missed {
        /// Its name.
        subscription: &'a str,
        /// How many it has lost since it was last told.
        count: u64,
    },
}

/// No hook.
impl<M> Hook<M> for () {
    const DELIVERIES: bool = false;
    const OUTCOMES: bool = false;
}
