//! What a broker of one process has besides publishing and subscribing.

use crate::broker::broker::Message;
use crate::broker::dead_letter::{DeadLetter, DeadLetterCounts, DeadLetterReason};
use crate::bus::{Bus, Subscriber};
use crate::envelope::MessageEnvelope;

/// What a broker of one process has besides: for those who route messages. See
/// [`MessageBroker::local`](crate::MessageBroker::local).
pub trait LocalBroker<M: Message>: Send + Sync {
    /// The bus that all its messages go over.
    fn bus(&self) -> &Bus<MessageEnvelope<M>>;

    /// The dead letters from now on. Its reader may be slow: it then loses the oldest.
    fn dead_letters(&self) -> Subscriber<DeadLetter<M>>;

    /// How many dead letters there have been.
    fn dead_letter_counts(&self) -> DeadLetterCounts;

    /// Reports a message that nobody will handle. A request ends at once with the reason, if its caller
    /// still waits.
    fn report_dead_letter(&self, envelope: MessageEnvelope<M>, reason: DeadLetterReason);
}
