//! The journal's own thread: it forces records to disk after an interval, and deletes what is not to be kept, off the
//! way of those who append.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::journal::config::Durability;
use crate::journal::error::JournalError;
use crate::journal::store::Store;

/// What it is asked to do.
pub(crate) enum Task {
    /// Something was written that is not on disk: it should be there after the interval.
    Sync,
    /// The same, and somebody waits for it.
    SyncNow,
    /// A segment is full.
    Retire,
    /// The journal is closed.
    Close,
}

/// How often it looks for what has become too old, at least once in the time that it is kept.
const LOOK: Duration = Duration::from_secs(10);

/// Starts the keeper. It ends when it is asked to close.
pub(crate) fn start(
    store: &Arc<Store>,
    tasks: Receiver<Task>,
) -> Result<JoinHandle<()>, JournalError> {
    let (dir, store) = (store.dir.clone(), Arc::clone(store));
    let thread = Builder::new().name("stentor-journal".into());
    thread.spawn(move || keep(&store, &tasks)).map_err(JournalError::io(&dir, "start a thread for"))
}

fn keep(store: &Store, tasks: &Receiver<Task>) {
    let look = store.config.retention.age.map(|age| age.min(LOOK));
    let mut due = look.map(|look| Instant::now() + look);
    store.retire();
    loop {
        let task = match due {
            Some(due) => tasks.recv_deadline(due),
            None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match task {
            Ok(Task::Sync) => {
                if let Durability::Interval(interval) = store.config.durability
                    && gather(tasks, store, interval)
                {
                    break;
                }
            }
            Ok(Task::SyncNow) => store.sync_interval(),
            Ok(Task::Retire) => _ = store.retire(),
            Err(RecvTimeoutError::Timeout) => {
                store.retire();
                due = look.map(|look| Instant::now() + look);
            }
            Ok(Task::Close) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    store.sync_interval();
}

/// Waits for the interval, and forces to disk what has been written. Says whether the journal is closed.
fn gather(tasks: &Receiver<Task>, store: &Store, interval: Duration) -> bool {
    let until = Instant::now() + interval;
    loop {
        match tasks.recv_deadline(until) {
            Ok(Task::Close) | Err(RecvTimeoutError::Disconnected) => return true,
            Ok(Task::Retire) => _ = store.retire(),
            Ok(Task::Sync) => {}
            Ok(Task::SyncNow) | Err(RecvTimeoutError::Timeout) => break,
        }
    }
    store.sync_interval();
    false
}
