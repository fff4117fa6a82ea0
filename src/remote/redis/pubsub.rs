//! Redis Pub/Sub: each subscription has a connection of its own, so that none holds up another.

use std::sync::Arc;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, PushInfo, PushKind, Value};
use tokio::sync::{Notify, oneshot};

use crate::broker::Message;
use crate::codec::frame::decode_frame;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::redis::connection::{explain, unconnected};

/// What is done with messages as they come. It must not wait: the connection waits for it.
pub(crate) type Take<M> = Arc<dyn Fn(MessageEnvelope<M>) + Send + Sync>;

/// A subscription to a pattern of channels.
pub(crate) struct Listener<M: Message, H: Hook<M>> {
    core: Arc<Core<M, H>>,
    client: Client,
    pattern: String,
    take: Take<M>,
    ear: Arc<Ear>,
    connection: MultiplexedConnection,
}

/// What hears of one connection.
struct Ear {
    /// False once another connection has taken its place: what still comes would be late, or a second time.
    is_open: Mutex<bool>,
    /// The connection is of no use any more.
    broken: Notify,
}

impl Ear {
    /// Passes on what is heard, unless it is closed.
    fn hear(&self, pass_on: impl FnOnce()) {
        // Held meanwhile, so that nothing is heard once it is closed.
        let is_open = self.is_open.lock();
        if *is_open {
            pass_on();
        }
    }

    fn close(&self) {
        *self.is_open.lock() = false;
    }
}

impl<M: Message, H: Hook<M>> Listener<M, H> {
    /// Subscribes; the server has confirmed it.
    pub(crate) async fn open(
        core: &Arc<Core<M, H>>,
        client: &Client,
        pattern: String,
        take: Take<M>,
    ) -> Result<Self, RemoteError> {
        let (core, client) = (Arc::clone(core), client.clone());
        let (connection, ear) = subscribe(&core, &client, &pattern, &take).await?;
        Ok(Self { core, client, pattern, take, ear, connection })
    }

    /// Listens until `stop`, or until the broker is closed and what was published before has come. Whenever the
    /// connection is lost (or cut by the server, for it could not get rid of its messages in time) it is made
    /// again; what was published meanwhile is lost.
    pub(crate) async fn listen(mut self, stop: oneshot::Receiver<()>) {
        let core = Arc::clone(&self.core);
        let listening = async {
            loop {
                tokio::select! {
                    () = self.ear.broken.notified() => {
                        core.counts.interruptions.add(1);
                        tracing::warn!(
                            target: "stentor::remote", pattern = self.pattern,
                            "redis: subscription interrupted, messages may be lost"
                        );
                        self.again().await;
                    }
                    () = tokio::time::sleep(core.config.ping_interval) => {
                        if self.ping().await.is_err() {
                            self.ear.broken.notify_one();
                        }
                    }
                    () = core.link.closed() => break,
                }
            }
            // Its answer comes behind all that was published before.
            let _ = tokio::time::timeout(core.config.drain, self.ping()).await;
        };
        tokio::select! {
            () = listening => {}
            _ = stop => {}
        }
    }

    async fn ping(&mut self) -> Result<(), RemoteError> {
        redis::cmd("PING").query_async(&mut self.connection).await.map_err(explain)
    }

    async fn again(&mut self) {
        self.ear.close();
        let mut failed = 0;
        loop {
            let Self { core, client, pattern, take, .. } = &*self;
            match subscribe(core, client, pattern, take).await {
                Ok((connection, ear)) => {
                    (self.connection, self.ear) = (connection, ear);
                    return;
                }
                Err(_) => {
                    failed += 1;
                    tokio::time::sleep(core.config.backoff.jittered(failed)).await;
                }
            }
        }
    }
}

/// Subscribes on a connection of its own; what hears of that.
async fn subscribe<M: Message, H: Hook<M>>(
    core: &Arc<Core<M, H>>,
    client: &Client,
    pattern: &str,
    take: &Take<M>,
) -> Result<(MultiplexedConnection, Arc<Ear>), RemoteError> {
    let ear = Arc::new(Ear { is_open: Mutex::new(true), broken: Notify::new() });
    let (told, take, hearing) = (Arc::clone(core), Arc::clone(take), Arc::clone(&ear));
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(core.config.confirm))
        .set_response_timeout(Some(core.config.confirm))
        .set_push_sender(move |push: PushInfo| {
            match push.kind {
                PushKind::PMessage => hearing.hear(|| receive(&told, &push.data, &take)),
                PushKind::Disconnection => hearing.broken.notify_one(),
                _ => {}
            }
            Ok::<_, redis::aio::SendError>(())
        });
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connecting.await.map_err(unconnected)?;
    connection.psubscribe(pattern).await.map_err(explain)?;
    Ok((connection, ear))
}

/// A pushed message: the pattern, the channel, the frame.
fn receive<M: Message, H: Hook<M>>(core: &Core<M, H>, data: &[Value], take: &Take<M>) {
    let [_, channel, Value::BulkString(frame)] = data else { return };
    match decode_frame(frame, &*core.codec, core.config.max_message) {
        Ok(envelope) => take(envelope),
        Err(error) => {
            let channel = String::from_redis_value_ref(channel).unwrap_or_default();
            core.refuse(&channel, frame, error);
        }
    }
}
