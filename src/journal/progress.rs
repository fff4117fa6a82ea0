//! How far a journal is: what was written, and what is on disk.

use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering};
use crate::wait::doorbell::{Doorbell, Key};

/// A sequence below which something is done. It only ever grows.
#[derive(Default)]
pub(crate) struct Watermark(AtomicU64);

impl Watermark {
    pub(crate) fn new(at: u64) -> Self {
        Self(AtomicU64::new(at))
    }

    /// SYNC POINT, acquire: whoever sees a record as done sees what was done to it.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// SYNC POINT, release: the other side of `get`.
    pub(crate) fn raise(&self, to: u64) {
        self.0.fetch_max(to, Ordering::AcqRel);
    }
}

/// How far a journal is.
pub(crate) struct Progress {
    /// Records below this are in the file, whole.
    pub(crate) written: Watermark,
    /// Records below this are on disk.
    pub(crate) durable: Watermark,
    /// Rung when one of them rises, and when the journal fails.
    pub(crate) bell: Arc<Doorbell>,
    next_key: AtomicU64,
}

impl Progress {
    pub(crate) fn new(next: u64) -> Self {
        let (written, durable) = (Watermark::new(next), Watermark::new(next));
        Self { written, durable, bell: Arc::new(Doorbell::new()), next_key: AtomicU64::new(0) }
    }

    /// Names a sleeper at the bell.
    pub(crate) fn new_key(&self) -> Key {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }
}
