//! Redis Streams: the server writes messages down, and delivers them at least once to groups.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{AsyncConnectionConfig, Cmd, RedisError, Value, cmd};
use tokio::sync::mpsc;

use crate::broker::{BrokerError, DeadLetterReason, Message, MessageStream};
use crate::envelope::{MessageEnvelope, MessageId, TopicPattern};
use crate::hook::Hook;
use crate::remote::acked::acked;
use crate::remote::core::{Core, Feeding, backend};
use crate::remote::error::RemoteError;
use crate::remote::frame::decode_frame;
use crate::remote::outcome::EntryId;
use crate::remote::redis::broker::Redis;
use crate::remote::redis::builder::RedisStreams;
use crate::remote::redis::connection::{explain, unconnected};
use crate::remote::subscribe::{RemoteSubscribe, ReplayFrom};

/// The field of an entry that has the frame.
pub(crate) const FIELD: &str = "f";
/// How many entries are read at a time.
const BATCH: usize = 256;
/// How long the server waits for entries before it says that there are none.
const BLOCK: Duration = Duration::from_millis(500);

/// Writes a frame down.
pub(crate) fn add(key: &str, settings: &RedisStreams, frame: &[u8]) -> Cmd {
    let mut add = cmd("XADD");
    add.arg(key);
    if let Some(most) = settings.max_messages {
        add.arg("MAXLEN").arg("~").arg(most);
    }
    add.arg("*").arg(FIELD).arg(frame);
    add
}

/// The id of an entry, `millis-number`.
pub(crate) fn entry(id: &str) -> Option<EntryId> {
    let (millis, number) = id.split_once('-')?;
    Some(EntryId::Timed(millis.parse().ok()?, number.parse().ok()?))
}

/// A subscription to the stream.
pub(crate) async fn subscribe<M: Message, H: Hook<M>>(
    redis: &Arc<Redis<M, H>>,
    settings: RedisStreams,
    options: RemoteSubscribe,
) -> Result<MessageStream<M>, BrokerError<M>> {
    let core = &redis.core;
    let (feed, stream) = acked(core.config.buffer);
    if core.link.is_closed() {
        return Ok(MessageStream::from_stream(stream));
    }
    let opened = async {
        let connection = connect(redis).await?;
        let last = start(redis, &options).await?;
        if let Some(group) = &options.group {
            make_group(redis, group, &last).await?;
        }
        Ok((connection, last))
    };
    let (connection, last) = opened.await.map_err(|error| backend(None, error))?;
    let reader = Reader {
        redis: Arc::clone(redis),
        feeding: core.feeding(),
        settings,
        topic: options.topic,
        group: options.group,
        // A consumer of its own: what it leaves behind is claimed by others.
        consumer: MessageId::new().to_string(),
        connection,
        last,
        handled: feed.handled,
    };
    redis.runtime.spawn(reader.run(feed.deliveries));
    Ok(MessageStream::from_stream(stream))
}

/// A connection on which the server may keep us waiting.
async fn connect<M: Message, H: Hook<M>>(
    redis: &Redis<M, H>,
) -> Result<MultiplexedConnection, RemoteError> {
    let confirm = redis.core.config.confirm;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(confirm))
        .set_response_timeout(Some(confirm + BLOCK));
    let client = redis.connection.client();
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    connecting.await.map_err(unconnected)
}

/// The id behind which to begin.
async fn start<M: Message, H: Hook<M>>(
    redis: &Redis<M, H>,
    options: &RemoteSubscribe,
) -> Result<String, RemoteError> {
    Ok(match options.from {
        ReplayFrom::New => redis.last_entry().await?,
        ReplayFrom::Oldest => "0-0".into(),
        ReplayFrom::Entry(EntryId::Timed(millis, number)) => before(millis, number),
        ReplayFrom::Entry(found) => {
            let (found, expected) = (found.to_string(), "an entry of Redis Streams");
            return Err(RemoteError::Config { field: "from", found, expected });
        }
        ReplayFrom::Time(at) => before(at.as_nanos() / 1_000_000, 0),
    })
}

/// The id before this one.
fn before(millis: u64, number: u64) -> String {
    match (millis, number) {
        (0, 0) => "0-0".into(),
        (millis, 0) => format!("{}-{}", millis - 1, u64::MAX),
        (millis, number) => format!("{millis}-{}", number - 1),
    }
}

/// Makes a group that begins behind an entry, unless there is one already.
async fn make_group<M: Message, H: Hook<M>>(
    redis: &Redis<M, H>,
    group: &str,
    behind: &str,
) -> Result<(), RemoteError> {
    let mut create = cmd("XGROUP");
    create.arg("CREATE").arg(redis.key()).arg(group).arg(behind).arg("MKSTREAM");
    let created: Result<(), RedisError> = create.query_async(&mut redis.connection.get()).await;
    match created {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        created => created.map_err(|error| redis.connection.failed(error)),
    }
}

/// Brings what was written down to a stream, and acknowledgements back.
struct Reader<M: Message, H: Hook<M>> {
    redis: Arc<Redis<M, H>>,
    feeding: Feeding<M, H>,
    settings: RedisStreams,
    topic: Option<TopicPattern>,
    group: Option<String>,
    consumer: String,
    connection: MultiplexedConnection,
    /// The last entry that came.
    last: String,
    handled: mpsc::UnboundedReceiver<String>,
}

type Deliveries<M> = mpsc::Sender<(MessageEnvelope<M>, String)>;

impl<M: Message, H: Hook<M>> Reader<M, H> {
    async fn run(mut self, deliveries: Deliveries<M>) {
        let core = Arc::clone(&self.redis.core);
        let (mut failed, mut claims_at) = (0, tokio::time::Instant::now());
        // It is seen through: what the server has given to this consumer, nobody else gets before long.
        let mut reading = Box::pin(read(self.connection.clone(), self.next(Some(BLOCK))));
        loop {
            tokio::select! {
                biased;
                () = deliveries.closed() => break,
                Some(id) = self.handled.recv() => self.acknowledge(id).await,
                () = tokio::time::sleep_until(claims_at), if self.group.is_some() => {
                    claims_at = tokio::time::Instant::now() + self.settings.claim_after / 2;
                    self.claim(&deliveries).await;
                }
                entries = &mut reading => {
                    match entries {
                        Ok(entries) => {
                            failed = 0;
                            self.deliver_all(entries, false, &deliveries).await;
                        }
                        Err(error) => {
                            failed += 1;
                            tracing::debug!(target: "stentor::remote", failed, "redis: {error}");
                            tokio::time::sleep(core.config.backoff.jittered(failed)).await;
                            self.again().await;
                        }
                    }
                    if core.link.is_closed() {
                        self.drain(&deliveries).await;
                        break;
                    }
                    reading.set(read(self.connection.clone(), self.next(Some(BLOCK))));
                }
            }
        }
        drop(deliveries);
        // What is handled from now on, until the stream is dropped.
        while let Some(id) = self.handled.recv().await {
            self.acknowledge(id).await;
        }
        self.leave().await;
        drop(self.feeding);
    }

    /// The command that reads what comes next.
    fn next(&self, block: Option<Duration>) -> Cmd {
        let mut read = match &self.group {
            Some(group) => {
                let mut read = cmd("XREADGROUP");
                read.arg("GROUP").arg(group).arg(&self.consumer);
                read
            }
            None => cmd("XREAD"),
        };
        read.arg("COUNT").arg(BATCH);
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

    async fn deliver_all(
        &mut self,
        entries: Vec<StreamId>,
        again: bool,
        deliveries: &Deliveries<M>,
    ) {
        for entry in entries {
            if !again {
                self.last.clone_from(&entry.id);
            }
            self.redis.core.counts.redelivered.add(u64::from(again));
            self.deliver(entry, deliveries).await;
        }
    }

    /// Delivers a message, while acknowledgements go on.
    async fn deliver(&mut self, entry: StreamId, deliveries: &Deliveries<M>) {
        let Some(envelope) = self.decode(&entry) else {
            // It will be no better the next time, or nobody here wants it.
            return self.acknowledge(entry.id).await;
        };
        self.redis.core.counts.received.add(1);
        loop {
            tokio::select! {
                permit = deliveries.reserve() => {
                    if let Ok(permit) = permit {
                        permit.send((envelope, entry.id));
                    }
                    return;
                }
                Some(id) = self.handled.recv() => self.acknowledge(id).await,
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
        if envelope.metadata.is_expired() {
            core.services.dead_letter(envelope, DeadLetterReason::Expired);
            return None;
        }
        let is_wanted = self.topic.as_ref().is_none_or(|pattern| {
            envelope.metadata.topic.as_ref().is_some_and(|topic| pattern.matches(topic))
        });
        is_wanted.then_some(envelope)
    }

    async fn acknowledge(&self, id: String) {
        let Some(group) = &self.group else { return };
        let mut ack = cmd("XACK");
        ack.arg(self.redis.key()).arg(group).arg(id);
        if self.redis.connection.run::<()>(&ack).await.is_err() {
            self.redis.core.counts.failed_acks.add(1);
        }
    }

    /// Takes over what others have not acknowledged for too long.
    async fn claim(&mut self, deliveries: &Deliveries<M>) {
        let Some(group) = self.group.clone() else { return };
        let mut cursor = "0-0".to_owned();
        loop {
            let mut claim = cmd("XAUTOCLAIM");
            claim.arg(self.redis.key()).arg(&group).arg(&self.consumer);
            claim.arg(self.settings.claim_after.as_millis() as u64);
            claim.arg(&cursor).arg("COUNT").arg(BATCH);
            // Not on the connection on which the server keeps us waiting.
            let claimed = self.redis.connection.run::<StreamAutoClaimReply>(&claim).await;
            let Ok(claimed) = claimed else { return };
            cursor = claimed.next_stream_id;
            self.deliver_all(claimed.claimed, true, deliveries).await;
            if cursor == "0-0" {
                return;
            }
        }
    }

    /// Delivers what was written down before.
    async fn drain(&mut self, deliveries: &Deliveries<M>) {
        loop {
            let reading = read(self.connection.clone(), self.next(None));
            let limit = self.redis.core.config.drain;
            match tokio::time::timeout(limit, reading).await {
                Ok(Ok(entries)) if !entries.is_empty() => {
                    self.deliver_all(entries, false, deliveries).await;
                }
                _ => return,
            }
        }
    }

    /// Takes its consumer out of the group, if nothing is left to be claimed from it.
    async fn leave(&mut self) {
        let Some(group) = &self.group else { return };
        let mut pending = cmd("XPENDING");
        pending.arg(self.redis.key()).arg(group).arg("-").arg("+").arg(1).arg(&self.consumer);
        let left: Result<Vec<Value>, _> = self.redis.connection.run(&pending).await;
        if left.is_ok_and(|left| left.is_empty()) {
            let mut delete = cmd("XGROUP");
            delete.arg("DELCONSUMER").arg(self.redis.key()).arg(group).arg(&self.consumer);
            let _ = self.redis.connection.run::<()>(&delete).await;
        }
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
