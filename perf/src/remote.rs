//! What a client of a server has to say about itself, and the servers: each is started for a measurement, on a free
//! port of the loopback interface, with a directory of its own.

use std::{env, fmt, future::Future, marker::PhantomData, path::Path, sync::Arc};

use tokio::runtime::Builder;

#[path = "../../tests/servers/mod.rs"]
#[expect(missing_docs, reason = "it is the tests' own")]
mod servers;

use crate::{
    contract::{Answer, Ask, PublishAsync, ReceiveAsync},
    workload::Message,
};

pub use servers::Server;

/// What messages go through, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// NATS, at most once.
    Nats,
    /// NATS, written down, at least once.
    JetStream,
    /// Redis Pub/Sub, at most once.
    Redis,
    /// Redis Streams, at least once.
    RedisStreams,
}

impl Backend {
    /// The program that has to be installed.
    pub fn program(self) -> &'static str {
        match self {
            Self::Nats | Self::JetStream => "nats-server",
            Self::Redis | Self::RedisStreams => "redis-server",
        }
    }

    /// Whether it is.
    pub fn is_installed(self) -> bool {
        let has = |directory: &Path| directory.join(self.program()).is_file();
        env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|each| has(&each)))
    }

    /// Starts a server.
    pub fn start(self) -> Server {
        match self {
            Self::Nats | Self::JetStream => Server::nats(),
            Self::Redis | Self::RedisStreams => Server::redis(),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// A client of a server.
pub trait Remote: 'static {
    /// What it talks to.
    const BACKEND: Backend;
    /// What publishes.
    type Publisher: PublishAsync + Clone;
    /// What subscribes.
    type Subscriber: ReceiveAsync;
    /// What asks.
    type Asker: Ask;

    /// Connects both ends to this server; the subscription is confirmed.
    fn open(url: &str) -> impl Future<Output = (Self::Publisher, Self::Subscriber)> + Send;

    /// Connects both ends, and starts a task that answers.
    fn answer(url: &str) -> impl Future<Output = Self::Asker> + Send;
}

/// A client that asks through a server of its own.
pub struct Served<C>(PhantomData<C>);

/// What it asks with.
pub struct ServedAsker<A> {
    /// That.
    asker: A,
    /// The server.
    server: Arc<Server>,
}

impl<A: Clone> Clone for ServedAsker<A> {
    fn clone(&self) -> Self {
        Self { asker: self.asker.clone(), server: Arc::clone(&self.server) }
    }
}

impl<A: Ask> Ask for ServedAsker<A> {
    async fn ask(&self, message: Message) -> Message {
        self.asker.ask(message).await
    }
}

impl<C: Remote> Answer for Served<C> {
    type Asker = ServedAsker<C::Asker>;

    fn run<F>(future: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { tokio::spawn(future).await.expect("the task has failed") })
    }

    async fn start() -> Self::Asker {
        let server = Arc::new(C::BACKEND.start());
        ServedAsker { asker: C::answer(&server.url()).await, server }
    }
}
