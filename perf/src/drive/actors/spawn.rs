//! Spawns an actor, stops it, waits for its end, and begins again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::task;

use crate::{
    actors::{Actors, Books},
    drive::publishing::{Progress, Published},
    entry::Order,
    measurement::Measurement,
};

/// Runs the row, on one thread.
pub fn run<C: Actors>(order: &Order) -> Measurement {
    let order = *order;
    C::run(async move { spawn_and_stop::<C>(&order).await })
}

/// Does so until it is time to stop.
async fn spawn_and_stop<C: Actors>(order: &Order) -> Measurement {
    let system = C::system().await;
    let ended = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut progress = Progress::new(order.stop, 1);
    while let Some(sequences) = progress.next() {
        for _ in sequences {
            let actor = C::spawn(&system, Books::counted(&ended)).await;
            C::stop(&system, actor).await;
        }
    }
    let spawned = progress.finish();
    all_ended(&ended, spawned.count).await;
    Published::measured(&[spawned], start.elapsed().as_secs_f64())
}

/// Waits until so many actors are gone: the last may be about to.
async fn all_ended(ended: &AtomicU64, spawned: u64) {
    // Acquire: with the release of whoever counts.
    while ended.load(Ordering::Acquire) < spawned {
        task::yield_now().await;
    }
}
