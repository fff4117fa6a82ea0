//! The latest snapshot, for all who ask about the same time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::inspect::inspector::Shared;
use crate::inspect::limits::Limits;
use crate::inspect::snapshot::{ProcessSnapshot, Snapshot};

/// So many times as long as it took to take a snapshot, no other is taken: a twentieth of a core at most.
const REST: u32 = 19;

/// The latest snapshot.
pub(crate) struct Recent {
    began: Instant,
    /// How many have been taken.
    sequence: u64,
    line: Line,
    /// When it may be replaced.
    stale: Instant,
}

/// A snapshot as it goes over the wire, its line end included.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) sequence: u64,
    pub(crate) bytes: Arc<[u8]>,
}

impl Recent {
    pub(crate) fn new(now: Instant) -> Self {
        let line = Line { sequence: 0, bytes: Arc::from([]) };
        Self { began: now, sequence: 0, line, stale: now }
    }

    /// One that is recent enough; none that `seen` is, or older.
    pub(crate) fn line(&mut self, seen: u64, shared: &Shared, limits: &Limits) -> Option<Line> {
        let now = Instant::now();
        if now >= self.stale {
            let bytes = serde_json::to_vec(&self.take(shared));
            let mut bytes = bytes.expect("numbers and texts are JSON");
            bytes.push(b'\n');
            self.line = Line { sequence: self.sequence, bytes: bytes.into() };
            self.stale = now + limits.interval.max(now.elapsed() * REST);
        }
        (self.line.sequence > seen).then(|| self.line.clone())
    }

    /// Takes one now.
    pub(crate) fn take(&mut self, shared: &Shared) -> Snapshot {
        self.sequence += 1;
        let mut snapshot = Snapshot {
            version: Snapshot::VERSION,
            sequence: self.sequence,
            at_ns: nanos(self.began.elapsed()),
            unix_ns: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos),
            process: ProcessSnapshot { name: shared.name().to_owned(), pid: std::process::id() },
            ..Snapshot::default()
        };
        shared.look(&mut snapshot);
        snapshot
    }
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
