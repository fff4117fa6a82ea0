//! The broker of NATS does what every broker has to do, over a real server.

mod servers;

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Serialize, de::DeserializeOwned};
use servers::Server;
use stentor::conformance::{Backend, run};
use stentor::{JetStream, NatsBuilder, NatsMessageBroker};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

struct Nats {
    server: Server,
    writes_down: bool,
    brokers: AtomicU32,
}

impl Nats {
    fn new(writes_down: bool) -> Self {
        Self { server: Server::nats(), writes_down, brokers: AtomicU32::new(0) }
    }
}

impl Backend for Nats {
    type Broker = NatsMessageBroker<Vec<u8>>;

    fn broker(&self) -> Self::Broker {
        let prefix = format!("test-{}", self.brokers.fetch_add(1, Ordering::Relaxed));
        let mut builder = builder(&self.server).prefix(&prefix);
        if self.writes_down {
            builder = builder.jetstream(JetStream::new(prefix));
        }
        let connecting = builder.connect();
        block_in_place(|| Handle::current().block_on(connecting)).expect("a connection")
    }

    fn close(&self, broker: &Self::Broker) {
        broker.close();
    }
}

fn builder<M>(server: &Server) -> NatsBuilder<M>
where
    M: stentor::Message + Serialize + DeserializeOwned,
{
    NatsMessageBroker::<M>::builder(server.url())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core() {
    Box::pin(run(&Nats::new(false))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jetstream() {
    Box::pin(run(&Nats::new(true))).await;
}
