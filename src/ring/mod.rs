//! Floor 1: where messages lie and who may touch which slot when. Nothing here waits.

pub(crate) mod cursor;
pub(crate) mod gate;
pub(crate) mod lane;
#[expect(clippy::module_inception, reason = "the ring is what this floor is named after")]
pub(crate) mod ring;
pub(crate) mod sequence;
pub(crate) mod sequencer;
pub(crate) mod skips;
pub(crate) mod slots;
