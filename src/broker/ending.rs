//! How a request ends, and who is told.

use std::any::Any;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::broker::asking::Asking;
use crate::broker::broker::Message;
use crate::broker::dead_letter::{DeadLetterReason, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::pending::Ended;
use crate::broker::slot::hand_reply;
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};

/// What a request has ended with.
pub(crate) enum Answer<M> {
    Reply(MessageEnvelope<M>),
    /// Nobody will handle the request.
    Undeliverable(DeadLetterReason),
    TimedOut,
    /// Nobody is there who could reply.
    #[cfg(feature = "remote")]
    Nobody,
    Closed,
}

impl<M: Message, H: Hook<M>> Asking<'_, M, H> {
    /// Takes the reply, if that is what it has ended with and it is of the type asked for as it is: it need not
    /// be converted then, and is copied once. If true, it is in `reply`; what else it has ended with is told by
    /// [`Self::answer`].
    #[inline(always)]
    pub(crate) fn take_as<R: Message>(
        &mut self,
        asked: &Result<Ended, BrokerError<M>>,
        reply: &mut MaybeUninit<MessageEnvelope<R>>,
    ) -> bool {
        let same = (reply as &mut dyn Any).downcast_mut::<MaybeUninit<MessageEnvelope<M>>>();
        if let Some(reply) = same
            && let Ok(Ended::Ready) = asked
            && let Some(caller) = self.caller.take_if(|caller| caller.is_answered())
        {
            let is_there = caller.take(|ending| hand_reply(ending, reply));
            self.answered();
            return is_there;
        }
        false
    }

    /// What it has ended with, if not with what [`Self::take_as`] has taken.
    #[cold]
    pub(crate) fn answer(&mut self, ended: Ended) -> Answer<M> {
        let caller = self.caller.take_if(|_| ended == Ended::Ready);
        match (ended, caller.and_then(|caller| caller.take(Option::take))) {
            (_, Some(Ok(reply))) => {
                self.answered();
                Answer::Reply(reply)
            }
            (_, Some(Err(reason))) => self.undeliverable(reason),
            (Ended::TimedOut, None) => self.timed_out(),
            (Ended::Closed | Ended::Ready, None) => {
                self.abandon();
                Answer::Closed
            }
        }
    }

    #[inline]
    fn answered(&self) {
        self.broker.services().counts.answered.add(1);
        self.tell(|request, after| Outcome::Answered { request, after });
    }

    #[cold]
    fn timed_out(&mut self) -> Answer<M> {
        self.caller = None;
        self.broker.services().counts.timed_out.add(1);
        self.tell(|request, after| Outcome::TimedOut { request, after });
        Answer::TimedOut
    }

    #[cold]
    fn undeliverable(&self, reason: DeadLetterReason) -> Answer<M> {
        self.broker.services().counts.undeliverable.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        Answer::Undeliverable(reason)
    }

    /// Nobody waits for it any more.
    #[cold]
    fn abandon(&mut self) {
        let Some(caller) = self.caller.take() else { return };
        let unread = caller.leave();
        self.broker.services().counts.abandoned.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        if let Some(Ok(reply)) = unread {
            self.broker.services().dead_letter(reply, DeadLetterReason::LateReply);
        }
    }

    /// Tells the hooks what came of it, or that it was not even published.
    #[inline(always)]
    fn tell<'b>(&'b self, outcome: impl FnOnce(&'b MessageHeader, Duration) -> Outcome<'b, M>) {
        let services = self.broker.services();
        if let Some(envelope) = &self.envelope {
            services.let_out(&envelope.metadata.header(), &Rejection::GIVEN_UP);
        } else if let Some((header, started)) = &self.told {
            services.hooks.on_outcome(&outcome(header, started.elapsed()));
        }
    }
}

impl<M: Message, H: Hook<M>> Drop for Asking<'_, M, H> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.caller.is_some() {
            self.abandon();
        }
        self.broker.publisher().cancel_wait(&mut self.wait);
    }
}
