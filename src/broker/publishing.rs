//! A task publishes. By hand rather than `async`, which would move the envelope from place to place on its way
//! to the ring: half the time of a publish.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::broker::broker::Message;
use crate::broker::dead_letter::Rejection;
use crate::broker::error::BrokerError;
use crate::broker::memory::InMemoryMessageBroker;
use crate::broker::services::Refusal;
use crate::bus::{PublishError, RoomWait};
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;

/// The future of a message that is published.
pub(crate) struct Publishing<'a, M: Message, H: Hook<M>> {
    broker: &'a InMemoryMessageBroker<M, H>,
    /// The message, until it is published.
    envelope: Option<MessageEnvelope<M>>,
    /// The hooks have let it pass.
    is_admitted: bool,
    wait: RoomWait,
}

impl<'a, M: Message, H: Hook<M>> Publishing<'a, M, H> {
    #[inline(always)]
    pub(crate) fn new(
        broker: &'a InMemoryMessageBroker<M, H>,
        envelope: MessageEnvelope<M>,
    ) -> Self {
        Self { broker, envelope: Some(envelope), is_admitted: false, wait: RoomWait::default() }
    }

    #[cold]
    fn refused(&mut self, refusal: Refusal) -> Poll<Result<(), BrokerError<M>>> {
        match self.envelope.take() {
            Some(envelope) => Poll::Ready(Err(self.broker.services().refuse(envelope, refusal))),
            None => Poll::Pending,
        }
    }
}

impl<M: Message, H: Hook<M>> Future for Publishing<'_, M, H> {
    type Output = Result<(), BrokerError<M>>;

    /// # Panics
    /// If it was ready before.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let services = this.broker.services();
        let Some(envelope) = &mut this.envelope else { panic!("polled after it was ready") };
        if !this.is_admitted {
            if let Err(refusal) = services.admit(envelope) {
                return this.refused(refusal);
            }
            this.is_admitted = true;
        }
        // Before it goes; if it does not, the copy of a reply was for nothing.
        let header = envelope.metadata.header();
        let mut reply = services.reply_in(envelope);
        let publisher = this.broker.publisher();
        match publisher.poll_publish(&mut this.envelope, &mut this.wait, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                services.published(&header);
                services.reply(&mut reply);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(PublishError(envelope))) => Poll::Ready(Err(services.closed(envelope))),
        }
    }
}

/// No field is ever pinned.
impl<M: Message, H: Hook<M>> Unpin for Publishing<'_, M, H> {}

impl<M: Message, H: Hook<M>> Drop for Publishing<'_, M, H> {
    #[inline(always)]
    fn drop(&mut self) {
        self.broker.publisher().cancel_wait(&mut self.wait);
        if let (true, Some(envelope)) = (self.is_admitted, &self.envelope) {
            let header = envelope.metadata.header();
            self.broker.services().let_out(&header, &Rejection::GIVEN_UP);
        }
    }
}
