//! A request beyond the process, from its publishing to its end.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::epoch::NEVER;
use crate::broker::pending::{Caller, Ended, NoPlace};
use crate::broker::{Answer, BrokerError, DeadLetterReason, Message, RequestError};
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};
use crate::remote::core::Core;

impl<M: Message, H: Hook<M>> Core<M, H> {
    /// Publishes a request by `send` and waits for its end. It has a correlation id when it is sent, under
    /// which it is known already. What `send` gives is held until then; `None` says that there is nobody to
    /// reply, and so does `nobody` when it is ready.
    pub(crate) async fn ask<T>(
        &self,
        request: MessageEnvelope<M>,
        timeout: Duration,
        send: impl AsyncFnOnce(MessageEnvelope<M>) -> Result<Option<T>, BrokerError<M>>,
        nobody: impl Future<Output = ()>,
    ) -> Result<Answer<M>, BrokerError<M>> {
        let deadline = Instant::now().checked_add(timeout);
        let mut asking = Asking::begin(self, &request, deadline)?;
        let mut envelope = request;
        envelope.metadata.correlation_id = asking.header.correlation_id;
        let overdue = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let exchange = async {
            let Some(_held) = send(envelope).await? else { return Ok::<_, BrokerError<M>>(None) };
            Ok(Some(asking.hear().await))
        };
        let ended = tokio::select! {
            biased;
            // First, so that it listens before the request is sent.
            () = nobody => Some(None),
            ended = exchange => Some(ended?),
            () = overdue => None,
        };
        Ok(match ended {
            Some(Some(ended)) => asking.answer(ended),
            Some(None) => asking.nobody(),
            None => asking.timed_out(),
        })
    }
}

/// A request whose caller waits. Its hooks are told how it ends, also if this is dropped.
struct Asking<'a, M: Message, H: Hook<M>> {
    core: &'a Core<M, H>,
    /// Its place, until it has ended.
    caller: Option<Caller<'a, M>>,
    header: MessageHeader,
    started: Instant,
}

impl<'a, M: Message, H: Hook<M>> Asking<'a, M, H> {
    fn begin(
        core: &'a Core<M, H>,
        request: &MessageEnvelope<M>,
        deadline: Option<Instant>,
    ) -> Result<Self, BrokerError<M>> {
        let mut header = request.metadata.header();
        let table = core.services.table();
        let deadline = deadline.map_or(NEVER, |at| table.epoch.nanos(at.into_std()));
        match table.enter(&request.metadata, deadline) {
            Ok((caller, id)) => {
                header.correlation_id = Some(id);
                Ok(Self { core, caller: Some(caller), header, started: Instant::now() })
            }
            Err(NoPlace::Duplicate) => Err(BrokerError::DuplicateCorrelationId(request.clone())),
            Err(NoPlace::Full) => Err(BrokerError::TooManyRequests {
                envelope: request.clone(),
                limit: core.services.config.pending_requests,
            }),
        }
    }

    async fn hear(&mut self) -> Ended {
        poll_fn(|cx| {
            let ended = self.caller.as_mut().map_or(Some(Ended::Closed), |it| it.poll_ended(cx));
            ended.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn timed_out(&mut self) -> Answer<M> {
        let ended = self.caller.as_mut().map_or(Ended::TimedOut, Caller::time_out);
        self.answer(ended)
    }

    fn answer(&mut self, ended: Ended) -> Answer<M> {
        match ended {
            Ended::Ready => {
                let caller = self.caller.take();
                match caller.and_then(|caller| caller.take(Option::take)) {
                    Some(Ok(reply)) => self.answered(reply),
                    Some(Err(reason)) => self.undeliverable(reason),
                    None => unreachable!("a request that is ready has an ending"),
                }
            }
            Ended::TimedOut => {
                self.caller = None;
                self.core.services.counts.timed_out.add(1);
                self.tell(|request, after| Outcome::TimedOut { request, after });
                Answer::TimedOut
            }
            Ended::Closed => {
                self.abandon();
                Answer::Closed
            }
        }
    }

    fn nobody(&mut self) -> Answer<M> {
        self.abandon();
        Answer::Nobody
    }

    fn answered(&self, reply: MessageEnvelope<M>) -> Answer<M> {
        self.core.services.counts.answered.add(1);
        self.tell(|request, after| Outcome::Answered { request, after });
        Answer::Reply(reply)
    }

    fn undeliverable(&self, reason: DeadLetterReason) -> Answer<M> {
        self.core.services.counts.undeliverable.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        Answer::Undeliverable(reason)
    }

    /// Nobody waits for it any more.
    fn abandon(&mut self) {
        let Some(caller) = self.caller.take() else { return };
        let unread = caller.leave();
        self.core.services.counts.abandoned.add(1);
        self.tell(|request, after| Outcome::Abandoned { request, after });
        if let Some(Ok(reply)) = unread {
            self.core.services.dead_letter(reply, DeadLetterReason::LateReply);
        }
    }

    fn tell<'b>(&'b self, outcome: impl FnOnce(&'b MessageHeader, Duration) -> Outcome<'b, M>) {
        if H::OUTCOMES {
            let after = self.started.elapsed();
            self.core.services.hooks.on_outcome(&outcome(&self.header, after));
        }
    }
}

impl<M: Message, H: Hook<M>> Drop for Asking<'_, M, H> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// An answer as `request` gives it: with the request as its caller gave it, also where that could not be sent.
pub(crate) fn as_requested<M, R>(
    asked: Result<Answer<M>, BrokerError<M>>,
    request: MessageEnvelope<M>,
) -> Result<MessageEnvelope<R>, RequestError<M>>
where
    M: Message,
    R: Message + TryFrom<M>,
{
    let asked = match asked {
        Err(BrokerError::Closed(_)) => Ok(Answer::Closed),
        asked => asked,
    };
    crate::broker::as_requested(asked, request)
}
