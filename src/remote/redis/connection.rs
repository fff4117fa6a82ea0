//! The connection that a broker publishes on, made again whenever it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, Pipeline, PushInfo, PushKind,
    RedisError, ServerErrorKind, Value,
};
use tokio::sync::{Notify, watch};

use crate::broker::Message;
use crate::hook::Hook;
use crate::remote::core::Core;
use crate::remote::error::RemoteError;
use crate::remote::link::Link;

/// The connection, as publishers see it.
pub(crate) struct Connection {
    client: Client,
    current: watch::Sender<Current>,
    news: Arc<Notify>,
    confirm: Duration,
}

/// A connection and whom to tell when it is of no use any more.
#[derive(Clone)]
struct Current {
    connection: MultiplexedConnection,
    broken: Broken,
}

/// Told when a connection is of no use any more.
#[derive(Clone)]
struct Broken {
    link: Arc<Link>,
    news: Arc<Notify>,
    /// Which connection or try it is, counted.
    number: u64,
    latest: Arc<AtomicU64>,
}

impl Broken {
    fn new(link: Arc<Link>) -> Self {
        Self { link, news: Arc::default(), number: 0, latest: Arc::default() }
    }

    /// For the next try, from when on nothing is heard of those before.
    fn next(&self) -> Self {
        // Relaxed: who reads an older number makes the connection once more.
        let number = self.latest.fetch_add(1, Ordering::Relaxed) + 1;
        Self { number, ..self.clone() }
    }

    fn tell(&self) {
        if self.latest.load(Ordering::Relaxed) == self.number {
            // At once, so that nobody sends what will fail.
            self.link.lose();
            self.news.notify_one();
        }
    }

    fn failed(&self, error: RedisError) -> RemoteError {
        if is_broken(&error) {
            self.tell();
        }
        explain(error)
    }
}

impl Connection {
    pub(crate) async fn open(
        client: Client,
        confirm: Duration,
        link: &Arc<Link>,
    ) -> Result<Self, RemoteError> {
        let first = connect(&client, confirm, &Broken::new(Arc::clone(link))).await?;
        let news = Arc::clone(&first.broken.news);
        Ok(Self { client, current: watch::Sender::new(first), news, confirm })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Does a command. If the connection breaks meanwhile, it is not known whether it was done.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RemoteError> {
        let Current { mut connection, broken } = self.get();
        command.query_async(&mut connection).await.map_err(|error| broken.failed(error))
    }

    /// Does commands, in their order; what became of each.
    pub(crate) async fn run_all(&self, pipeline: &Pipeline) -> Vec<Result<(), RemoteError>> {
        let Current { mut connection, broken } = self.get();
        let count = pipeline.len();
        let done: Result<Vec<Result<Value, RedisError>>, _> =
            pipeline.query_async(&mut connection).await;
        match done {
            Ok(answers) => {
                answers.into_iter().map(|it| it.map(drop).map_err(|it| broken.failed(it))).collect()
            }
            Err(error) => (0..count).map(|_| Err(broken.failed(error.clone()))).collect(),
        }
    }

    fn get(&self) -> Current {
        self.current.borrow().clone()
    }

    /// Makes it again whenever it is lost, until the broker is closed and nothing is kept. A connection that is silent is tested by
    /// a ping.
    pub(crate) async fn keep<M: Message, H: Hook<M>>(
        self: Arc<Self>,
        core: Arc<Core<M, H>>,
        ping_interval: Duration,
    ) {
        loop {
            let is_silent = tokio::select! {
                () = self.news.notified() => false,
                () = tokio::time::sleep(ping_interval) => true,
                () = core.ended() => return,
            };
            if is_silent && self.run::<()>(&redis::cmd("PING")).await.is_ok() {
                continue;
            }
            core.link.lose();
            tracing::warn!(target: "stentor::remote", prefix = core.config.prefix, "redis: connection lost");
            tokio::select! {
                () = self.again(&core) => core.link.connected(),
                () = core.ended() => return,
            }
        }
    }

    async fn again<M: Message, H: Hook<M>>(&self, core: &Core<M, H>) {
        let (mut failed, last) = (0, self.get().broken);
        loop {
            match connect(&self.client, self.confirm, &last).await {
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
    last: &Broken,
) -> Result<Current, RemoteError> {
    let broken = last.next();
    let told = broken.clone();
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(confirm))
        .set_response_timeout(Some(confirm))
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                told.tell();
            }
            Ok::<_, redis::aio::SendError>(())
        });
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connection = connecting.await.map_err(unconnected)?;
    Ok(Current { connection, broken })
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
