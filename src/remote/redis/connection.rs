//! The connection that a broker publishes on, made again whenever it is lost.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, PushInfo, PushKind, RedisError,
    ServerErrorKind,
};
use tokio::sync::{Notify, watch};

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;

/// The connection, as publishers see it.
pub(crate) struct Connection {
    client: Client,
    current: watch::Sender<MultiplexedConnection>,
    /// The current one is of no use.
    broken: Arc<Notify>,
    confirm: Duration,
}

impl Connection {
    pub(crate) async fn open(client: Client, confirm: Duration) -> Result<Self, RemoteError> {
        let broken = Arc::new(Notify::new());
        let first = connect(&client, confirm, &broken).await?;
        Ok(Self { client, current: watch::Sender::new(first), broken, confirm })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Does a command. If the connection breaks meanwhile, it is not known whether it was done.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RemoteError> {
        let mut connection = self.current.borrow().clone();
        command.query_async(&mut connection).await.map_err(|error| self.failed(error))
    }

    pub(crate) fn failed(&self, error: RedisError) -> RemoteError {
        if is_broken(&error) {
            self.broken.notify_one();
        }
        explain(error)
    }

    /// A connection for one command, or to wait on.
    pub(crate) fn get(&self) -> MultiplexedConnection {
        self.current.borrow().clone()
    }

    /// Makes it again whenever it is lost, until the broker is closed. A connection that is silent is tested by
    /// a ping.
    pub(crate) async fn keep<M: Message, H: Hook<M>>(
        self: Arc<Self>,
        core: Arc<Core<M, H>>,
        ping_interval: Duration,
    ) {
        loop {
            let is_silent = tokio::select! {
                () = self.broken.notified() => false,
                () = tokio::time::sleep(ping_interval) => true,
                () = core.link.closed() => return,
            };
            if is_silent && self.run::<()>(&redis::cmd("PING")).await.is_ok() {
                continue;
            }
            core.link.lose();
            tracing::warn!(target: "stentor::remote", prefix = core.config.prefix, "redis: connection lost");
            tokio::select! {
                () = self.again(&core) => core.link.connected(),
                () = core.link.closed() => return,
            }
        }
    }

    async fn again<M: Message, H: Hook<M>>(&self, core: &Core<M, H>) {
        let mut failed = 0;
        loop {
            match connect(&self.client, self.confirm, &self.broken).await {
                Ok(connection) => {
                    self.current.send_replace(connection);
                    return;
                }
                Err(error) => {
                    failed += 1;
                    tracing::debug!(target: "stentor::remote", failed, "redis: {error}");
                    tokio::time::sleep(core.config.backoff.jittered(failed)).await;
                }
            }
        }
    }
}

async fn connect(
    client: &Client,
    confirm: Duration,
    broken: &Arc<Notify>,
) -> Result<MultiplexedConnection, RemoteError> {
    let broken = Arc::clone(broken);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(confirm))
        .set_response_timeout(Some(confirm))
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                broken.notify_one();
            }
            Ok::<_, redis::aio::SendError>(())
        });
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    connecting.await.map_err(unconnected)
}

/// Whether a connection with this error is of no use any more. One that is too slow to answer is not, either.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_timeout() || error.is_connection_dropped()
}

/// Whether the server is there, and does nothing yet: it was started a moment ago, say.
fn is_not_ready(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, TryAgain};
    matches!(error.kind(), ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | TryAgain))
}

/// Why a command failed.
pub(crate) fn explain(error: RedisError) -> RemoteError {
    if is_broken(&error) || error.is_io_error() {
        return RemoteError::Unconfirmed(Box::new(error));
    }
    if is_not_ready(&error) {
        return RemoteError::Disconnected { waited: Duration::ZERO };
    }
    RemoteError::Refused(Box::new(error))
}

/// Why there is no connection.
pub(crate) fn unconnected(error: RedisError) -> RemoteError {
    let is_denied = matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
            RemoteError::Unauthorized(Box::new(error))
        }
        _ if is_denied => RemoteError::Unauthorized(Box::new(error)),
        _ if error.to_string().contains("certificate") => RemoteError::Tls(Box::new(error)),
        _ => RemoteError::Connect(Box::new(error)),
    }
}
