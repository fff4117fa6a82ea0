//! A request beyond the process, from its publishing to its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::epoch::NEVER;
use crate::broker::pending::{Caller, Ended, NoPlace};
use crate::broker::{Answer, BrokerError, DeadLetterReason, Message, RequestError};
use crate::envelope::{CorrelationId, MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};
use crate::remote::backend::{Backend, Sent};
use crate::remote::core::{Core, backend};

impl<M: Message, H: Hook<M>> Core<M, H> {
    /// Publishes a request, with a correlation id if it has none, and waits for its end.
    pub(crate) async fn ask<B: Backend<Message = M, Hook = H>>(
        &self,
        of: &Arc<B>,
        mut request: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Answer<M>, BrokerError<M>> {
        // Known before it is asked, for its origin and for what the server itself answers.
        let id = *request.metadata.correlation_id.get_or_insert_with(CorrelationId::new);
        let deadline = Instant::now().checked_add(timeout);
        let mut asking = Asking::begin(self, &request, deadline)?;
        let overdue = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let exchange = async {
            // Held until the reply is here.
            let (sent, _listening) = self.send_request(of, request, id).await?;
            if !sent.is_heard {
                return Ok::<_, BrokerError<M>>(None);
            }
            Ok(Some(asking.hear().await))
        };
        let ended = tokio::select! {
            biased;
            // First, so that it listens before the request is sent.
            () = of.nobody(id) => Some(None),
            ended = exchange => Some(ended?),
            () = overdue => None,
        };
        Ok(match ended {
            Some(Some(ended)) => asking.answer(ended),
            Some(None) => asking.nobody(),
            None => asking.timed_out(),
        })
    }

    /// Sends a request once its replies are listened for.
    async fn send_request<B: Backend<Message = M, Hook = H>>(
        &self,
        to: &Arc<B>,
        request: MessageEnvelope<M>,
        id: CorrelationId,
    ) -> Result<(Sent, impl Sized + use<M, H, B>), BrokerError<M>> {
        if self.link.is_closed() {
            return Err(BrokerError::Closed(request));
        }
        let listening = self.origins.hold(id, |origin| to.replies(origin)).await;
        match listening {
            Ok(listening) => Ok((self.publish(to, request, Some(id)).await?, listening)),
            Err(error) => Err(backend(Some(request), error)),
        }
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
