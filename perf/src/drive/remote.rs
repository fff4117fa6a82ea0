//! Tasks that publish through a server, and a task that receives. The clock stops when all has been received.

use std::{sync::Arc, time::Instant};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
};

use crate::{
    contract::{PublishAsync, ReceiveAsync},
    drive::{
        meter::Meter,
        publishing::{Progress, Published},
    },
    entry::Order,
    measurement::Measurement,
    remote::Remote,
    workload::{CAPACITY, Ledger, MAX_PUBLISHERS, Message, Sink},
};

/// Runs the row.
pub fn run<C: Remote>(order: &Order) -> Measurement {
    let server = C::BACKEND.start();
    runtime().block_on(publish_all::<C>(&server.url(), order))
}

/// A runtime with two workers that knows sockets.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Runs the row, on the runtime.
async fn publish_all<C: Remote>(url: &str, order: &Order) -> Measurement {
    let (publisher, subscriber) = C::open(url).await;
    let (stop, count) = (order.stop, order.row.publishers);
    // So much may be on its way: where nothing is kept, nothing must be lost for want of room.
    let window = Arc::new(Semaphore::new(CAPACITY));
    let receiving = tokio::spawn(receive(subscriber, Tally::new(count), Arc::clone(&window)));
    let meter = Meter::start();
    let publish = |id| {
        let (publisher, progress) = (publisher.clone(), Progress::waiting(stop, count));
        tokio::spawn(publish(publisher, id, progress, Arc::clone(&window)))
    };
    let publishing: Vec<_> = (0..count as u64).map(publish).collect();
    let mut published = Vec::with_capacity(count);
    for task in publishing {
        published.push(task.await.expect("a publisher's task has failed"));
    }
    let (tally, end) = receiving.await.expect("the subscriber's task has failed");
    let received = tally.check(&published);
    meter.figures(end, &published, received, 1)
}

/// One publisher's task.
async fn publish<P: PublishAsync>(
    mut publisher: P,
    id: u64,
    mut progress: Progress,
    window: Arc<Semaphore>,
) -> Published {
    while let Some(sequences) = progress.next() {
        for sequence in sequences {
            window.acquire().await.expect("it is not closed").forget();
            publisher.publish(Message::new(id, sequence)).await;
        }
    }
    let published = progress.finish();
    window.acquire().await.expect("it is not closed").forget();
    publisher.publish(Message::last(id)).await;
    published
}

/// The subscriber's task, until the last message of each publisher.
async fn receive<R: ReceiveAsync>(
    mut subscriber: R,
    mut tally: Tally,
    window: Arc<Semaphore>,
) -> (Tally, Instant) {
    while tally.publishers > 0 {
        let before = tally.taken;
        assert!(subscriber.receive(&mut tally).await, "the subscription has ended");
        window.add_permits(tally.taken - before);
    }
    (tally, Instant::now())
}

/// The books of a subscriber that many publish to.
struct Tally {
    /// A ledger for each group of publishers.
    ledgers: Vec<Ledger>,
    /// Messages taken.
    taken: usize,
    /// Publishers whose last message has not come yet.
    publishers: usize,
}

impl Tally {
    /// For so many publishers.
    fn new(publishers: usize) -> Self {
        let ledgers = (0..publishers.div_ceil(MAX_PUBLISHERS)).map(|_| Ledger::default());
        Self { ledgers: ledgers.collect(), taken: 0, publishers }
    }

    /// Checks that everything has come, once and in the order of its publisher; how much that is.
    fn check(&self, published: &[Published]) -> u64 {
        for (ledger, published) in self.ledgers.iter().zip(published.chunks(MAX_PUBLISHERS)) {
            ledger.check(&published.iter().map(|each| each.count).collect::<Vec<_>>(), true);
        }
        self.ledgers.iter().map(Ledger::received).sum()
    }
}

impl Sink for Tally {
    fn take(&mut self, message: &Message) {
        self.taken += 1;
        if message.is_last() {
            self.publishers -= 1;
        } else {
            // A ledger tells its publishers apart by the last bits.
            self.ledgers[message.publisher as usize / MAX_PUBLISHERS].take(message);
        }
    }

    fn ledger(&self) -> &Ledger {
        &self.ledgers[0]
    }
}
