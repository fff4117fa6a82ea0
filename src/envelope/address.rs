//! Who sends and who receives.

use crate::envelope::id::kind_of_name;

kind_of_name!(
    /// The address of an actor (or of anything else that sends and receives). It is never given twice,
    /// so one that has become stale reaches nobody, not a successor.
    ActorAddress
);
