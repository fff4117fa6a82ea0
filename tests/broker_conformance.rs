//! The brokers of this crate do what every broker has to do.

use futures_executor::block_on;
use stentor::conformance::{Backend, run};
use stentor::{InMemoryMessageBroker, MockMessageBroker};

struct Memory;

impl Backend for Memory {
    type Broker = InMemoryMessageBroker<Vec<u8>>;

    fn broker(&self) -> Self::Broker {
        InMemoryMessageBroker::<Vec<u8>>::builder().capacity(64).build()
    }

    fn close(&self, broker: &Self::Broker) {
        broker.shutdown();
    }
}

struct Mock;

impl Backend for Mock {
    type Broker = MockMessageBroker<Vec<u8>>;

    fn broker(&self) -> Self::Broker {
        MockMessageBroker::new()
    }

    fn close(&self, broker: &Self::Broker) {
        broker.shutdown();
    }
}

#[test]
fn in_memory() {
    block_on(run(&Memory));
}

#[test]
fn mock() {
    block_on(run(&Mock));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_on_tokio() {
    run(&Memory).await;
}
