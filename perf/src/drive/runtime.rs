//! The runtime of the async rows, and the task of a subscriber.

use std::time::Instant;

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

use crate::{contract::ReceiveAsync, workload::Sink};

/// Worker threads.
const WORKERS: usize = 2;

/// A runtime with two workers.
pub fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).enable_time().build().expect("a runtime")
}

/// Spawns a task for each subscriber. To be called on the runtime.
pub fn spawn_all<R: ReceiveAsync, S: Sink>(
    subscribers: Vec<R>,
    sinks: Vec<S>,
) -> Vec<JoinHandle<(S, Instant)>> {
    subscribers
        .into_iter()
        .zip(sinks)
        .map(|(subscriber, sink)| tokio::spawn(receive(subscriber, sink)))
        .collect()
}

/// Waits for the tasks of all subscribers.
pub async fn join_all<S>(tasks: Vec<JoinHandle<(S, Instant)>>) -> Vec<(S, Instant)> {
    let mut sinks = Vec::with_capacity(tasks.len());
    for task in tasks {
        sinks.push(task.await.expect("a subscriber's task has failed"));
    }
    sinks
}

/// One subscriber's task.
async fn receive<R: ReceiveAsync, S: Sink>(mut subscriber: R, mut sink: S) -> (S, Instant) {
    while subscriber.receive(&mut sink).await {}
    (sink, Instant::now())
}
