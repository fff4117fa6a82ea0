//! Tasks that ask, each one request at a time, and a task that answers.

use std::{sync::mpsc, thread, time::Instant};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

use crate::{
    contract::{Answer, Ask},
    drive::publishing::{Progress, Published},
    entry::Order,
    measurement::Measurement,
    workload::Message,
};

/// Both sides on one thread.
pub fn on_one_thread<C: Answer>(order: &Order) -> Measurement {
    runtime().block_on(async { ask_all(C::start().await, order).await })
}

/// Each side on a thread of its own, with a runtime of its own: workers of one runtime would bring both
/// to the same thread.
pub fn across_threads<C: Answer>(order: &Order) -> Measurement {
    let (sender, asker) = mpsc::channel();
    let (end, ended) = oneshot::channel::<()>();
    let answering = thread::spawn(move || {
        runtime().block_on(async {
            sender.send(C::start().await).expect("somebody will ask");
            // An error: the sender has been dropped.
            let _ = ended.await;
        });
    });
    let asker = asker.recv().expect("the answering thread has failed");
    let measurement = runtime().block_on(ask_all(asker, order));
    drop(end);
    answering.join().expect("the answering thread has failed");
    measurement
}

/// A runtime for the thread that it is made on.
fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

/// Asks, in as many tasks as the row has publishers.
async fn ask_all<A: Ask>(asker: A, order: &Order) -> Measurement {
    let (stop, count) = (order.stop, order.row.publishers);
    let start = Instant::now();
    let ask = |id| tokio::spawn(ask(asker.clone(), id, Progress::new(stop, count)));
    let asking: Vec<_> = (0..count as u64).map(ask).collect();
    let mut published = Vec::with_capacity(count);
    for task in asking {
        published.push(task.await.expect("a task that asks has failed"));
    }
    Published::measured(&published, start.elapsed().as_secs_f64())
}

/// One task that asks, and checks what it is answered.
async fn ask<A: Ask>(asker: A, id: u64, mut progress: Progress) -> Published {
    while let Some(sequences) = progress.next() {
        for sequence in sequences {
            let message = Message::new(id, sequence);
            let answer = asker.ask(message).await;
            assert_eq!(answer, message.answer(), "a task was given another answer than its own");
        }
    }
    progress.finish()
}
