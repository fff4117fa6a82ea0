//! Counts for statistics.

// From `std` also under loom: nothing is decided by a counter, and the models need not step over it.
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts something that is only ever looked at. Orders nothing.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The count, which starts again at 0.
    pub(crate) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}
