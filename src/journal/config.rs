//! What can be chosen of a journal, and what is chosen unless said: in one place.

use std::time::Duration;

use crate::journal::error::JournalError;

/// What can be chosen of a [`Journal`](crate::Journal).
///
/// ```
/// use std::time::Duration;
/// use stentor::{Durability, JournalConfig, Retention};
///
/// let config = JournalConfig {
///     durability: Durability::Interval(Duration::from_millis(10)),
///     retention: Retention { bytes: Some(1 << 30), ..Retention::default() },
///     ..JournalConfig::default()
/// };
/// # drop(config);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// When what was written is forced to disk. [`Durability::EveryBatch`] unless said.
    pub durability: Durability,
    /// A new file is begun when one has so many bytes; at least 4,096. 64 MiB unless said.
    pub segment_bytes: u64,
    /// What is kept. Everything unless said.
    pub retention: Retention,
    /// What a stage does when the journal fails. [`OnFailure::StopPublishing`] unless said.
    pub on_failure: OnFailure,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            durability: Durability::EveryBatch,
            segment_bytes: 64 << 20,
            retention: Retention::default(),
            on_failure: OnFailure::StopPublishing,
        }
    }
}

/// When what was written is forced to disk, and so what a crash can take.
///
/// Whatever is chosen, what `publish_durable` has returned for is on disk: it has the records forced there that it
/// waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After each batch (group commit): a crash of the process, the system or the power takes nothing that a gated
    /// subscriber has seen.
    EveryBatch,
    /// This long after the first record that is not on disk yet: a crash of the process takes nothing that a gated
    /// subscriber has seen, one of the system or the power what was written in that time.
    Interval(Duration),
    /// When the system finds time (Linux: within half a minute or so). A crash of the process takes nothing that
    /// a gated subscriber has seen.
    Os,
}

/// What is kept. Whole files are deleted, oldest first, never the one that is being written: so a little more than
/// this is there at times. What several say is deleted as soon as one says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// At most so many bytes, and a file.
    pub bytes: Option<u64>,
    /// What was journalled no longer ago than this.
    pub age: Option<Duration>,
    /// The last so many records.
    pub records: Option<u64>,
}

/// What a stage does when the journal fails: the disk is full, say. Either way it logs an error, and whoever
/// waits for a message to be durable gets the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The broker is closed: publishers get their messages back. Subscribers that are gated behind the stage stay
    /// where they are, before the first message that is not in the journal, until the stage is dropped.
    StopPublishing,
    /// Messages go on to the subscribers, and are not journalled; an error in the log says so each second.
    GoOn,
}

impl JournalConfig {
    pub(crate) const LEAST_SEGMENT: u64 = 4096;

    pub(crate) fn validate(&self) -> Result<(), JournalError> {
        let refuse =
            |field, found: String, expected| Err(JournalError::Config { field, found, expected });
        if self.segment_bytes < Self::LEAST_SEGMENT {
            return refuse("segment_bytes", self.segment_bytes.to_string(), "at least 4096");
        }
        if let Durability::Interval(interval) = self.durability
            && !(Duration::from_micros(100)..=Duration::from_secs(60)).contains(&interval)
        {
            return refuse("durability", format!("{interval:?}"), "100 us to 60 s");
        }
        if self.retention.bytes == Some(0) {
            return refuse("retention.bytes", "0".into(), "at least 1");
        }
        if self.retention.records == Some(0) {
            return refuse("retention.records", "0".into(), "at least 1");
        }
        if self.retention.age == Some(Duration::ZERO) {
            return refuse("retention.age", "0s".into(), "more than nothing");
        }
        Ok(())
    }
}
