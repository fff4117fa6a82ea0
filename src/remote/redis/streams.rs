//! Redis Streams: the server writes messages down, and delivers them at least once to groups.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisError, cmd};
use tokio::sync::Notify;

use crate::broker::Message;
use crate::envelope::MessageId;
use crate::hook::Hook;
use crate::remote::acked::AckedStream;
use crate::remote::acks::acked;
use crate::remote::error::RemoteError;
use crate::remote::outcome::EntryId;
use crate::remote::redis::acks::StreamAcks;
use crate::remote::redis::backend::Redis;
use crate::remote::redis::connection::unconnected;
use crate::remote::redis::reader::Reader;
use crate::remote::redis::settings::RedisStreams;
use crate::remote::subscribe::{RemoteSubscribe, ReplayFrom};

/// The field of an entry that has the frame.
pub(crate) const FIELD: &str = "f";
/// How many entries are read at a time at most.
const BATCH: usize = 256;
/// How long the server waits for entries before it says that there are none.
pub(crate) const BLOCK: Duration = Duration::from_millis(500);

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
) -> Result<AckedStream<M>, RemoteError> {
    let core = &redis.core;
    // A consumer of its own: what it leaves behind is claimed by others.
    let consumer: Arc<str> = MessageId::new().to_string().into();
    let refused = Arc::new(Notify::new());
    let acks = StreamAcks {
        connection: Arc::clone(&redis.connection),
        key: redis.key().into(),
        group: options.group.as_deref().unwrap_or_default().into(),
        consumer: Arc::clone(&consumer),
        claim_after: settings.claim_after,
        refused: Arc::clone(&refused),
    };
    let ahead = options.taken_ahead(core.config.buffer);
    let (feed, stream) = acked(core, acks, options.name(), ahead);
    if core.link.is_closed() {
        return Ok(stream);
    }
    let connection = connect(redis).await?;
    let last = start(redis, &options).await?;
    if let Some(group) = &options.group {
        make_group(redis, group, &last).await?;
    }
    let RemoteSubscribe { topic, group, .. } = options;
    let (redis, at_once) = (Arc::clone(redis), ahead.min(BATCH));
    let reader = Reader {
        redis,
        settings,
        topic,
        group,
        consumer,
        refused,
        at_once,
        connection,
        last,
        feed,
    };
    core.runtime.spawn(reader.run());
    Ok(stream)
}

/// A connection on which the server may keep us waiting.
pub(crate) async fn connect<M: Message, H: Hook<M>>(
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
pub(crate) async fn make_group<M: Message, H: Hook<M>>(
    redis: &Redis<M, H>,
    group: &str,
    behind: &str,
) -> Result<(), RemoteError> {
    let mut create = cmd("XGROUP");
    create.arg("CREATE").arg(redis.key()).arg(group).arg(behind).arg("MKSTREAM");
    match redis.connection.run(&create).await {
        Err(RemoteError::Refused(error)) if is_there(&*error) => Ok(()),
        created => created,
    }
}

fn is_there(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<RedisError>();
    error.and_then(RedisError::code) == Some("BUSYGROUP")
}
