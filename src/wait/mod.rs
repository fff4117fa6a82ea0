//! Floor 2: waiting. Knows parked threads and wakers, and nothing of slots.

pub(crate) mod doorbell;
pub(crate) mod strategy;
pub(crate) mod thread;
