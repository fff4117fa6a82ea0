//! Who waits when the remote broker cannot keep up.

use crate::ring::cursor::Overflow;

/// Who waits when the remote broker takes less than is published here, or nothing, for it is not there. What waits
/// to be exported waits in the ring, so its capacity is how much that can be.
///
/// (To write it to a journal instead is not possible yet.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BridgePolicy {
    /// Local publishers wait, once the bridge is a whole ring behind: nothing is lost. What may have been published
    /// or not, for the connection broke at that moment, is published again, so it may come twice.
    Block,
    /// Nobody here waits: the bridge loses the oldest messages that it has not exported, and counts them
    /// ([`lagged`](crate::BridgeDrops::lagged)). What may have been published or not is not published again
    /// ([`unconfirmed`](crate::BridgeDrops::unconfirmed)), so nothing comes twice.
    #[default]
    DropOldest,
}

impl BridgePolicy {
    /// The same as the ring knows it.
    pub(crate) fn overflow(self) -> Overflow {
        match self {
            Self::Block => Overflow::Block,
            Self::DropOldest => Overflow::DropOldest,
        }
    }
}
