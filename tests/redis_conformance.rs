//! The broker of Redis does what every broker has to do, over a real server.

mod servers;

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Serialize, de::DeserializeOwned};
use servers::Server;
use stentor::conformance::{Backend, run};
use stentor::{RedisBuilder, RedisMessageBroker, RedisStreams};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

struct Redis {
    server: Server,
    writes_down: bool,
    brokers: AtomicU32,
}

impl Redis {
    fn new(writes_down: bool) -> Self {
        Self { server: Server::redis(), writes_down, brokers: AtomicU32::new(0) }
    }
}

impl Backend for Redis {
    type Broker = RedisMessageBroker<Vec<u8>>;

    fn broker(&self) -> Self::Broker {
        let prefix = format!("test-{}", self.brokers.fetch_add(1, Ordering::Relaxed));
        let mut builder = builder(&self.server).prefix(prefix);
        if self.writes_down {
            builder = builder.streams(RedisStreams::new());
        }
        let connecting = builder.connect();
        block_in_place(|| Handle::current().block_on(connecting)).expect("a connection")
    }

    fn close(&self, broker: &Self::Broker) {
        broker.close();
    }
}

fn builder<M>(server: &Server) -> RedisBuilder<M>
where
    M: stentor::Message + Serialize + DeserializeOwned,
{
    RedisMessageBroker::<M>::builder(server.url())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pubsub() {
    Box::pin(run(&Redis::new(false))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams() {
    Box::pin(run(&Redis::new(true))).await;
}
