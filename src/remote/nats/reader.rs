//! Brings what JetStream has written down to a stream, and acknowledgements back.

use std::sync::Arc;

use async_nats::jetstream::Message as StoredMessage;
use async_nats::jetstream::consumer::DeliverPolicy;
use futures_util::{FutureExt, StreamExt};

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::acks::{AckedFeed, Stored as Delivered};
use crate::remote::nats::backend::Nats;
use crate::remote::nats::jetstream::{JetStreamAcks, Stored, start};
use crate::remote::nats::pump;
use crate::remote::subscribe::RemoteSubscribe;

pub(crate) struct Reader<M: Message, H: Hook<M>> {
    pub(crate) nats: Arc<Nats<M, H>>,
    pub(crate) options: RemoteSubscribe,
    /// How many messages are taken in advance.
    pub(crate) ahead: usize,
    /// The sequence behind the last that came.
    pub(crate) next: Option<u64>,
    pub(crate) feed: AckedFeed<M, H, JetStreamAcks>,
}

impl<M: Message, H: Hook<M>> Reader<M, H> {
    pub(crate) async fn run(mut self, mut stored: Stored) {
        let core = Arc::clone(&self.nats.core);
        let mut failed = 0;
        loop {
            tokio::select! {
                Some(handled) = self.feed.acks.next() => self.feed.acks.settle(handled).await,
                message = stored.next() => match message {
                    Some(Ok(message)) => {
                        failed = 0;
                        self.deliver(message).await;
                    }
                    Some(Err(_)) | None => {
                        failed += 1;
                        tokio::time::sleep(core.config.backoff.jittered(failed)).await;
                        if let Some(again) = self.again().await {
                            stored = again;
                        }
                    }
                },
                () = self.feed.stored.closed() => break,
                () = core.link.closed() => {
                    self.drain(&mut stored).await;
                    break;
                }
            }
        }
        // What it has prefetched goes to others.
        drop(stored);
        self.feed.end().await;
    }

    /// The consumer once more, behind what has come.
    async fn again(&self) -> Option<Stored> {
        let log = self.nats.log.as_ref()?;
        let from = match self.next {
            Some(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            None => start(&self.options.from).ok()?,
        };
        log.consume(&self.options, &self.nats.core, self.ahead, from).await.ok()
    }

    /// Delivers a message; how many more the server has.
    async fn deliver(&mut self, message: StoredMessage) -> u64 {
        let Ok(info) = message.info() else { return 0 };
        let (sequence, is_redelivered, pending) =
            (info.stream_sequence, info.delivered > 1, info.pending);
        self.next = Some(self.next.unwrap_or(0).max(sequence + 1));
        let ticket = self.options.group.as_ref().and(message.reply.as_ref());
        let ticket = ticket.map(|reply| reply.to_string());
        match pump::decode(&self.nats.core, &message) {
            Some(envelope) => self.feed.push(Delivered { envelope, ticket, is_redelivered }).await,
            None => self.feed.skip(ticket).await,
        }
        pending
    }

    /// Delivers what was written down before.
    async fn drain(&mut self, stored: &mut Stored) {
        let limit = self.nats.core.config.drain;
        let Some(log) = &self.nats.log else { return };
        let Ok(info) = log.stream.get_info().await else { return };
        let last = info.state.last_sequence;
        // What has been delivered already is here once that has come back.
        let mut rest = self.next.unwrap_or(1) <= last;
        while rest {
            let Ok(Some(Ok(message))) = tokio::time::timeout(limit, stored.next()).await else {
                return;
            };
            let pending = self.deliver(message).await;
            rest = pending > 0 && self.next.unwrap_or(1) <= last;
        }
        while let Some(Some(Ok(message))) = stored.next().now_or_never() {
            self.deliver(message).await;
        }
    }
}
