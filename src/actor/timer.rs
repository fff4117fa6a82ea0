//! Messages that are sent later.

use tokio::task::AbortHandle;

/// A message that is sent later, or again and again: see
/// [`ActorContext::send_after`](crate::ActorContext::send_after). Dropping this leaves it as it is; it ends
/// with the actor that started it.
#[derive(Clone, Debug)]
pub struct TimerHandle(pub(crate) AbortHandle);

impl TimerHandle {
    /// Sends no more. A message that has been sent already arrives.
    pub fn cancel(&self) {
        self.0.abort();
    }

    /// Whether it will send nothing any more.
    pub fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}
