//! What every broker does.

use std::error::Error;
use std::time::Duration;

use crate::broker::local::LocalBroker;
use crate::broker::stream::MessageStream;
use crate::envelope::MessageEnvelope;

/// What travels in envelopes: anything that can be cloned and shared between threads.
pub trait Message: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Message for T {}

/// Brings envelopes from who publishes them to all who subscribe.
///
/// A broker transports and does not route: every subscriber gets every message, whatever its recipient.
/// Who wants to route, monitor or audit subscribes. A handle is cheap to clone, and its clones are the same
/// broker.
///
/// The methods give futures that need no particular executor and that box nothing. For a `dyn` broker see
/// [`DynMessageBroker`](crate::DynMessageBroker).
pub trait MessageBroker<M: Message>: Clone + Send + Sync + 'static {
    /// What can go wrong.
    type Error: Error + Send + Sync + 'static;

    /// Publishes an envelope; waits for room if there is none.
    ///
    /// # Errors
    /// It was not published; the error says why, and has it.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future has published nothing.
    fn publish(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Subscribes: every message published after the future is ready, in order.
    ///
    /// # Errors
    /// The subscription could not be made.
    fn subscribe(&self) -> impl Future<Output = Result<MessageStream<M>, Self::Error>> + Send;

    /// Publishes a request and waits for its reply, at most for `timeout` from when it is published;
    /// `None` if there was none by then.
    ///
    /// The reply is the first envelope published with the correlation id of the request and addressed back to
    /// it: to the request's `reply_to` or else its sender, or, where the one or the other has no
    /// such address, one that does not itself ask for a reply. [`MessageEnvelope::reply`] makes one. All
    /// subscribers see it as well.
    ///
    /// # Errors
    /// The request has no correlation id or was not published (the error has it), or the reply is not an
    /// `R` (the error has the reply).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future may have published the request; a reply that still comes
    /// is a dead letter.
    fn publish_request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Option<MessageEnvelope<R>>, Self::Error>> + Send
    where
        R: Message + TryFrom<M>;

    /// What a broker of this process has besides; `None` unless it is one.
    fn local(&self) -> Option<&dyn LocalBroker<M>> {
        None
    }

    /// What a broker beyond the process has besides; `None` unless it is one that tells.
    #[cfg(feature = "remote")]
    fn linked(&self) -> Option<&dyn crate::broker::LinkedBroker<M>> {
        None
    }
}
