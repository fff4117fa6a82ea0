//! What clients may take.

use std::time::Duration;

/// What clients of an [`Inspector`](crate::inspect::Inspector) may take, all together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// So many clients at a time (8); others are told so and sent away.
    pub connections: usize,
    /// A snapshot is at least so old (50 ms) before another is taken, and twenty times as old as taking it took.
    pub interval: Duration,
    /// A client that does not ask anything for so long (30 s) is cut off.
    pub idle: Duration,
    /// A client that has not taken its answer within this time (2 s) is cut off.
    pub write: Duration,
    /// Of each system, so many actors (1,000) are in a snapshot: those with the fullest mailboxes. Of each circuit
    /// breaker, so many recipients whose circuits are not closed.
    pub listed: usize,
}

impl Limits {
    /// The longest request, its line end included.
    pub(crate) const REQUEST: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8,
            interval: Duration::from_millis(50),
            idle: Duration::from_secs(30),
            write: Duration::from_secs(2),
            listed: 1_000,
        }
    }
}
