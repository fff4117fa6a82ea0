//! What a bridge says of itself.

use crate::broker::ConnectionState;

/// A bridge at one moment. Numbers that only grow are counted from its start; they are read one after the other
/// while it goes on.
///
/// Of the messages that are to be exported each is in exactly one of [`exported`](Self::exported),
/// [`in_flight`](Self::in_flight), [`asking`](Self::asking) and `expired`, `rejected`, `refused`, `unconfirmed` or
/// `closed` of [`dropped`](Self::dropped); of those that come from the remote broker, in `imported` and `echoes`,
/// `duplicates`, `unwanted` or `not_imported`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BridgeStats {
    /// Messages that the remote broker has taken, requests among them.
    pub exported: u64,
    /// Messages from there that were published here, replies among them.
    pub imported: u64,
    /// Requests that were answered from there.
    pub answered: u64,
    /// Messages that were not exported, or not imported, and why.
    pub dropped: BridgeDrops,
    /// How often a message was published once more, for the remote broker had not taken it.
    pub retries: u64,
    /// Messages on their way to the remote broker.
    pub in_flight: usize,
    /// Requests that wait for their replies from there.
    pub asking: usize,
    /// Messages in the ring that the bridge has not looked at.
    pub lag: u64,
    /// The connection of the remote broker, if it tells.
    pub remote: Option<ConnectionState>,
    /// Neither broker is closed, and the bridge has not been shut down.
    pub running: bool,
}

/// Messages that were not exported, or not imported, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BridgeDrops {
    /// To be exported, perhaps: lost in the ring, for the bridge was a whole ring behind, and is one of
    /// [`DropOldest`](crate::BridgePolicy::DropOldest). Nobody knows which of them were to be exported at all.
    pub lagged: u64,
    /// To be exported: expired before they were.
    pub expired: u64,
    /// To be exported: a hook of the remote broker rejected them.
    pub rejected: u64,
    /// To be exported: the remote broker refused them, or cannot send them: too large, say. They are dead letters
    /// here.
    pub refused: u64,
    /// To be exported: may have been, or not, for the connection broke at that moment.
    pub unconfirmed: u64,
    /// To be exported: the remote broker was closed.
    pub closed: u64,
    /// Imported: this bridge's own messages, or another's of the same ring, that came back.
    pub echoes: u64,
    /// Imported: replies that had come another way already.
    pub duplicates: u64,
    /// Imported: of none of the patterns; the one that was subscribed to covers all of them, and more.
    pub unwanted: u64,
    /// Imported: a hook of the local broker rejected them, or they had expired.
    pub not_imported: u64,
}

impl BridgeDrops {
    /// Those that were to be exported, but for the lagged, of which nobody knows.
    pub fn on_export(&self) -> u64 {
        self.expired + self.rejected + self.refused + self.unconfirmed + self.closed
    }
}

/// How a bridge has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BridgeReport {
    /// All that was published here before the shutdown has been exported, or is counted as dropped; no request waits.
    pub drained: bool,
    /// Messages that were left: in flight, asking, or in the ring and not looked at.
    pub left: u64,
    /// The last numbers.
    pub stats: BridgeStats,
}
