//! A system and its actors at one moment.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::meter::{BUCKETS, limit};
use crate::actor::system::SystemState;
use crate::envelope::ActorAddress;

/// A system at one moment. Numbers that only grow are counted from when it was started. They are read one after
/// the other while actors go on, so they need not add up to the last message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SystemMetrics {
    /// Its state.
    pub state: SystemState,
    /// Actors that have been spawned.
    pub spawned: u64,
    /// Actors that live.
    pub living: usize,
    /// Messages handled by all actors, those that have ended among them.
    pub handled: u64,
    /// Messages that this system has made dead letters of.
    pub dead_letters: u64,
    /// Messages whose `Clone` panicked on the way to their mailbox: nobody has got them, not even as dead letters.
    pub clone_panics: u64,
    /// The living actors.
    pub actors: Vec<ActorMetrics>,
}

/// An actor at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActorMetrics {
    /// Its address.
    pub address: ActorAddress,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Messages that it has not begun to handle.
    pub depth: usize,
    /// The most there have been at a time.
    pub high_water: usize,
    /// The most there can be.
    pub capacity: usize,
    /// Messages it has handled.
    pub handled: u64,
    /// How often it has panicked.
    pub panics: u64,
    /// How often another was put in its place.
    pub restarts: u64,
    /// How long it handles a message.
    pub handling: HandlingTime,
    /// How long ago the oldest message in its mailbox was published; `None` where it is empty, or messages have
    /// no timestamps. (As exactly as the broker's clock.)
    pub oldest: Option<Duration>,
}

/// How long messages were handled: a histogram of the first message that the actor handled, and of one in 64 from
/// then on. (The clock is slower than many a handler.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlingTime(pub(crate) [u32; BUCKETS]);

impl HandlingTime {
    /// How many were measured.
    pub fn count(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// Each bucket: the longest time in it (`None`: no limit), and how many took as long as that.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u32)> + '_ {
        self.0.iter().enumerate().map(|(bucket, count)| (limit(bucket), *count))
    }

    /// A time that this share of them (0 to 1) did not exceed, to the next power of two; `None` if none was
    /// measured, or it is beyond the last limit.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0);
        let mut seen = 0_u64;
        let found = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen as f64 >= wanted
        });
        limit(found?)
    }
}
