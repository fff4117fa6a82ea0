//! Floor 2: waiting. Knows parked threads and wakers, and nothing of slots.

#[cfg(feature = "broker")]
pub(crate) mod block_on;
pub(crate) mod doorbell;
pub(crate) mod strategy;
pub(crate) mod thread;
