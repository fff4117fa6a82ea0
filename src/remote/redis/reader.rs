//! Brings what Redis Streams have written down to a stream, and acknowledgements back.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{Cmd, Value, cmd};
use tokio::sync::Notify;

use crate::broker::Message;
use crate::codec::frame::decode_frame;
use crate::envelope::{MessageEnvelope, TopicPattern};
use crate::hook::Hook;
use crate::remote::acks::{AckedFeed, Stored};
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::redis::acks::StreamAcks;
use crate::remote::redis::backend::Redis;
use crate::remote::redis::connection::explain;
use crate::remote::redis::settings::RedisStreams;
use crate::remote::redis::streams::{BLOCK, FIELD, connect, make_group};

/// Brings what was written down to a stream, and acknowledgements back.
pub(crate) struct Reader<M: Message, H: Hook<M>> {
    pub(crate) redis: Arc<Redis<M, H>>,
    pub(crate) settings: RedisStreams,
    pub(crate) topic: Option<TopicPattern>,
    pub(crate) group: Option<String>,
    pub(crate) consumer: Arc<str>,
    /// Something is to be delivered again.
    pub(crate) refused: Arc<Notify>,
    /// How many entries are read at a time.
    pub(crate) at_once: usize,
    pub(crate) connection: MultiplexedConnection,
    /// The last entry that came.
    pub(crate) last: String,
    pub(crate) feed: AckedFeed<M, H, StreamAcks>,
}

impl<M: Message, H: Hook<M>> Reader<M, H> {
    pub(crate) async fn run(mut self) {
        let core = Arc::clone(&self.redis.core);
        let (mut failed, mut claims_at) = (0, tokio::time::Instant::now());
        // It is seen through: what the server has given to this consumer, nobody else gets before long.
        let mut reading = Box::pin(read(self.connection.clone(), self.next(Some(BLOCK))));
        loop {
            tokio::select! {
                biased;
                () = self.feed.stored.closed() => break,
                Some(handled) = self.feed.acks.next() => self.feed.acks.settle(handled).await,
                () = tokio::time::sleep_until(claims_at), if self.group.is_some() => {
                    claims_at = tokio::time::Instant::now() + self.settings.claim_after / 2;
                    self.claim().await;
                }
                () = self.refused.notified() => self.claim().await,
                entries = &mut reading => {
                    match entries {
                        Ok(entries) => {
                            failed = 0;
                            self.deliver_all(entries, false).await;
                        }
                        Err(error) => {
                            failed += 1;
                            tracing::debug!(target: "stentor::remote", failed, "redis: {error}");
                            tokio::time::sleep(core.config.backoff.jittered(failed)).await;
                            self.again().await;
                        }
                    }
                    if core.link.is_closed() {
                        self.drain().await;
                        break;
                    }
                    reading.set(read(self.connection.clone(), self.next(Some(BLOCK))));
                }
            }
        }
        let Self { redis, group, consumer, feed, .. } = self;
        feed.end().await;
        if let Some(group) = group {
            leave(&redis, &group, &consumer).await;
        }
    }

    /// The command that reads what comes next.
    fn next(&self, block: Option<Duration>) -> Cmd {
        let mut read = match &self.group {
            Some(group) => {
                let mut read = cmd("XREADGROUP");
                read.arg("GROUP").arg(group).arg(&*self.consumer);
                read
            }
            None => cmd("XREAD"),
        };
        read.arg("COUNT").arg(self.at_once);
        if let Some(block) = block {
            read.arg("BLOCK").arg(block.as_millis() as u64);
        }
        let behind = if self.group.is_some() { ">" } else { &self.last };
        read.arg("STREAMS").arg(self.redis.key()).arg(behind);
        read
    }

    async fn again(&mut self) {
        if let Ok(connection) = connect(&self.redis).await {
            self.connection = connection;
        }
        // The server may have lost it.
        if let Some(group) = &self.group {
            let _ = make_group(&self.redis, group, &self.last).await;
        }
    }

    async fn deliver_all(&mut self, entries: Vec<StreamId>, is_redelivered: bool) {
        for entry in entries {
            if !is_redelivered {
                self.last.clone_from(&entry.id);
            }
            let envelope = self.decode(&entry);
            let ticket = self.group.is_some().then_some(entry.id);
            match envelope {
                Some(envelope) => self.feed.push(Stored { envelope, ticket, is_redelivered }).await,
                // It will be no better the next time, or nobody here wants it.
                None => self.feed.skip(ticket).await,
            }
        }
    }

    fn decode(&self, entry: &StreamId) -> Option<MessageEnvelope<M>> {
        let core: &Core<M, H> = &self.redis.core;
        let frame: &[u8] = match entry.map.get(FIELD) {
            Some(Value::BulkString(frame)) => frame,
            _ => &[],
        };
        let envelope = match decode_frame(frame, &*core.codec, core.config.max_message) {
            Ok(envelope) => envelope,
            Err(error) => {
                core.refuse(&format!("{} {}", self.redis.key(), entry.id), frame, error);
                return None;
            }
        };
        let is_wanted = self.topic.as_ref().is_none_or(|pattern| {
            envelope.metadata.topic.as_ref().is_some_and(|topic| pattern.matches(topic))
        });
        is_wanted.then_some(envelope)
    }

    /// Takes over what others have not acknowledged for too long.
    async fn claim(&mut self) {
        let Some(group) = self.group.clone() else { return };
        let mut cursor = "0-0".to_owned();
        loop {
            let mut claim = cmd("XAUTOCLAIM");
            claim.arg(self.redis.key()).arg(&group).arg(&*self.consumer);
            claim.arg(self.settings.claim_after.as_millis() as u64);
            claim.arg(&cursor).arg("COUNT").arg(self.at_once);
            // Not on the connection on which the server keeps us waiting.
            let claimed = self.redis.connection.run::<StreamAutoClaimReply>(&claim).await;
            let Ok(claimed) = claimed else { return };
            cursor = claimed.next_stream_id;
            self.deliver_all(claimed.claimed, true).await;
            if cursor == "0-0" {
                return;
            }
        }
    }

    /// Delivers what was written down before.
    async fn drain(&mut self) {
        loop {
            let reading = read(self.connection.clone(), self.next(None));
            let limit = self.redis.core.config.drain;
            match tokio::time::timeout(limit, reading).await {
                Ok(Ok(entries)) if !entries.is_empty() => {
                    self.deliver_all(entries, false).await;
                }
                _ => return,
            }
        }
    }
}

/// Takes a consumer out of its group, if nothing is left to be claimed from it.
async fn leave<M: Message, H: Hook<M>>(redis: &Redis<M, H>, group: &str, consumer: &str) {
    let mut pending = cmd("XPENDING");
    pending.arg(redis.key()).arg(group).arg("-").arg("+").arg(1).arg(consumer);
    let left: Result<Vec<Value>, _> = redis.connection.run(&pending).await;
    if left.is_ok_and(|left| left.is_empty()) {
        let mut delete = cmd("XGROUP");
        delete.arg("DELCONSUMER").arg(redis.key()).arg(group).arg(consumer);
        let _ = redis.connection.run::<()>(&delete).await;
    }
}

async fn read(
    mut connection: MultiplexedConnection,
    command: Cmd,
) -> Result<Vec<StreamId>, RemoteError> {
    let reply: Option<StreamReadReply> =
        command.query_async(&mut connection).await.map_err(explain)?;
    Ok(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect())
}
