//! Tasks that ask, each one request at a time, and a task that answers.

use std::{
    future::Future,
    pin::Pin,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Instant,
};

use hdrhistogram::Histogram;
use tokio::{runtime::Builder, sync::oneshot};

use crate::{
    contract::{Answer, Ask},
    drive::{
        pace::{MAX_NANOS, percentiles},
        publishing::{Progress, Published},
        runtime,
    },
    entry::Order,
    measurement::Measurement,
    workload::Message,
};

/// One request of so many is timed by itself.
const SAMPLE: u64 = 8;

/// Both sides on one thread.
pub fn on_one_thread<C: Answer>(order: &Order) -> Measurement {
    let order = *order;
    C::run(async move { ask_all(C::start().await, &order).await })
}

/// Each side on a thread of its own, with a runtime of its own: workers of one runtime would bring both
/// to the same thread.
pub fn across_threads<C: Answer>(order: &Order) -> Measurement {
    let (asker, answering) = Elsewhere::start(C::start, C::run);
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let measurement = runtime.block_on(ask_all(asker, order));
    answering.end();
    measurement
}

/// Both sides on the workers of one runtime.
pub fn on_workers<C: Answer>(order: &Order) -> Measurement {
    let order = *order;
    runtime::runtime().block_on(async move { ask_all(C::start().await, &order).await })
}

/// A thread on which something goes on until it is ended.
pub struct Elsewhere {
    /// Dropped, it ends.
    end: oneshot::Sender<()>,
    /// The thread.
    thread: JoinHandle<()>,
}

impl Elsewhere {
    /// Starts something there, with what `run` runs futures on, and gives what came of it.
    pub fn start<T, F>(
        start: impl FnOnce() -> F + Send + 'static,
        run: fn(Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> (T, Self)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, started) = mpsc::channel();
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            run(Box::pin(async move {
                sender.send(start().await).expect("somebody waits for it");
                // An error: the sender has been dropped.
                let _ = ended.await;
            }));
        });
        (started.recv().expect("the other thread has failed"), Self { end, thread })
    }

    /// Ends it.
    pub fn end(self) {
        drop(self.end);
        self.thread.join().expect("the other thread has failed");
    }
}

/// Asks, in as many tasks as the row has publishers.
async fn ask_all<A: Ask>(asker: A, order: &Order) -> Measurement {
    let (stop, count) = (order.stop, order.row.publishers);
    let start = Instant::now();
    let ask = |id| tokio::spawn(ask(asker.clone(), id, Progress::waiting(stop, count)));
    let asking: Vec<_> = (0..count as u64).map(ask).collect();
    let (mut published, mut times) = (Vec::with_capacity(count), histogram());
    for task in asking {
        let (asked, took) = task.await.expect("a task that asks has failed");
        published.push(asked);
        times.add(took).expect("the same bounds");
    }
    let measurement = Published::measured(&published, start.elapsed().as_secs_f64());
    Measurement { latency: Some(percentiles(&times)), ..measurement }
}

/// For the times of some requests, to one per cent.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(MAX_NANOS, 2).expect("valid bounds")
}

/// One task that asks, and checks what it is answered.
async fn ask<A: Ask>(asker: A, id: u64, mut progress: Progress) -> (Published, Histogram<u64>) {
    let mut times = histogram();
    while let Some(sequences) = progress.next() {
        for sequence in sequences {
            let message = Message::new(id, sequence);
            let start = sequence.is_multiple_of(SAMPLE).then(Instant::now);
            let answer = asker.ask(message).await;
            if let Some(start) = start {
                times.saturating_record(start.elapsed().as_nanos() as u64);
            }
            assert_eq!(answer, message.answer(), "a task was given another answer than its own");
        }
    }
    (progress.finish(), times)
}
