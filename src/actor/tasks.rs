//! The tasks of a system.

use tokio::sync::Notify;

use crate::sync::{AtomicUsize, Ordering};

/// Counts the tasks of a system, for who waits until there are none.
#[derive(Default)]
pub(crate) struct Tasks {
    count: AtomicUsize,
    none: Notify,
}

impl Tasks {
    pub(crate) fn begin(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none.notify_waiters();
        }
    }

    /// Waits until all that have begun have ended.
    pub(crate) async fn all_ended(&self) {
        loop {
            let mut none = std::pin::pin!(self.none.notified());
            none.as_mut().enable();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            none.await;
        }
    }
}
