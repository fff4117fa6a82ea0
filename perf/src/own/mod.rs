//! Workloads of one's own: Stentor alone, with messages of any size, and a ring set up as wanted.

pub mod parcel;
pub mod ring;

mod cores;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use stentor::WaitStrategy;

pub use self::cores::check as check_cores;
use crate::{
    entry::{Entry, Order},
    measurement::Stop,
    own::{
        parcel::{Parcel, SIZES, Small, Words},
        ring::{InPlace, Routed},
    },
    rows::{Kind, Row},
    workload::{BATCH, CAPACITY},
};

/// What a ring is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Its slots.
    pub capacity: usize,
    /// How threads wait.
    pub wait: Wait,
}

impl Default for Setup {
    fn default() -> Self {
        Self { capacity: CAPACITY, wait: Wait::Adaptive }
    }
}

/// How threads wait: the strategies of Stentor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Yield for a while, then park.
    Adaptive,
    /// Let other threads run, for ever.
    Yield,
    /// Look again at once, for ever: with a core for each thread only.
    Spin,
}

impl Wait {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Yield => "yield",
            Self::Spin => "spin",
        }
    }

    /// The strategy itself.
    pub fn strategy(self) -> WaitStrategy {
        match self {
            Self::Adaptive => WaitStrategy::Adaptive,
            Self::Yield => WaitStrategy::Yield,
            Self::Spin => WaitStrategy::Spin,
        }
    }
}

/// How a workload publishes and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// A thread for each publisher and each subscriber.
    Thread,
    /// A thread for each publisher, and one that polls all subscribers.
    Poll,
    /// A thread for each publisher, and handlers on one router thread.
    Router,
    /// Everything is a task, on two workers.
    Async,
    /// Publishing with no subscriber.
    Nobody,
    /// Latency at a fixed pace to a polling thread.
    LatencyPoll,
    /// Latency at a fixed pace to a blocking thread.
    LatencyBlock,
    /// Latency at a fixed pace to a task.
    LatencyAsync,
}

impl Workload {
    /// What it is called, what it is in words, and how it is measured.
    fn about(self) -> (&'static str, &'static str, Kind) {
        match self {
            Self::Thread => ("thread", "a thread per subscriber", Kind::Thread),
            Self::Poll => ("poll", "one thread polls all", Kind::Poll),
            Self::Router => ("router", "handlers on one router thread", Kind::Router),
            Self::Async => ("async", "tasks on two workers", Kind::Async),
            Self::Nobody => ("nobody", "publishing with no subscriber", Kind::Nobody),
            Self::LatencyPoll => ("latency-poll", "latency to a polling thread", Kind::LatencyPoll),
            Self::LatencyBlock => {
                ("latency-block", "latency to a blocking thread", Kind::LatencyBlock)
            }
            Self::LatencyAsync => ("latency-async", "latency to a task", Kind::LatencyAsync),
        }
    }

    /// Whether it is about latency: one publisher, one subscriber.
    fn is_paced(self) -> bool {
        matches!(self, Self::LatencyPoll | Self::LatencyBlock | Self::LatencyAsync)
    }
}

/// What is the same in all rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Bytes of a message: one of [`SIZES`].
    pub size: usize,
    /// Slots of the ring.
    pub capacity: usize,
    /// The cores that it may run on; all, if none is named.
    pub cores: Vec<usize>,
}

/// A row, as a child is told about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnRow {
    /// What is the same in all rows.
    pub own: Own,
    /// How it publishes and receives.
    pub workload: Workload,
    /// Publishers.
    pub publishers: usize,
    /// Subscribers.
    pub subscribers: usize,
    /// Whether messages are published in batches.
    pub batched: bool,
    /// Messages per second in paced rows.
    pub pace: u64,
}

impl OwnRow {
    /// The row. It lives as long as the process: there are a few.
    pub fn row(&self) -> &'static Row {
        let (name, title, kind) = self.workload.about();
        let is_paced = self.workload.is_paced();
        let (publishers, subscribers) = match self.workload {
            _ if is_paced => (1, 1),
            Workload::Nobody => (1, 0),
            _ => (self.publishers, self.subscribers),
        };
        let batches = if self.batched { "-batch" } else { "" };
        let name = format!("{name}{batches}-{publishers}-{subscribers}");
        let mut title = format!("{title}, {publishers} -> {subscribers}");
        if is_paced {
            title += &format!(", {} a second", self.pace);
        }
        Box::leak(Box::new(Row {
            name: name.leak(),
            title: title.leak(),
            kind,
            publishers,
            subscribers,
            batch: if self.batched { BATCH } else { 1 },
            pace: if is_paced { self.pace } else { 0 },
            default: true,
        }))
    }

    /// What runs it, if messages can have this size: one of [`SIZES`].
    pub fn entry(&self, wait: Wait) -> Option<Entry> {
        match self.own.size {
            16 => Some(entry::<Small>(wait)),
            32 => Some(entry::<Words<4>>(wait)),
            64 => Some(entry::<Words<8>>(wait)),
            128 => Some(entry::<Words<16>>(wait)),
            256 => Some(entry::<Words<32>>(wait)),
            512 => Some(entry::<Words<64>>(wait)),
            1_024 => Some(entry::<Words<128>>(wait)),
            4_096 => Some(entry::<Words<512>>(wait)),
            16_384 => Some(entry::<Words<2_048>>(wait)),
            _ => None,
        }
    }

    /// Gets this process ready for a measurement: it runs on the chosen cores from now on.
    ///
    /// # Errors
    ///
    /// A sentence about a core or a size that cannot be.
    pub fn prepare(&self, wait: &str, stop: Stop) -> Result<(Entry, Order), String> {
        cores::restrict(&self.own.cores)?;
        let wait = Wait::from_str(wait, false)?;
        let size = self.own.size;
        let entry = self
            .entry(wait)
            .ok_or_else(|| format!("messages of {size} bytes: expected one of {SIZES:?}"))?;
        let setup = Setup { capacity: self.own.capacity, wait };
        let order = Order { row: self.row(), stop, lossless: true, setup };
        Ok((entry, order))
    }
}

/// Stentor with messages of a kind.
fn entry<P: Parcel>(wait: Wait) -> Entry {
    Entry::new(wait.name(), "one ring, read in place")
        .threads::<InPlace<P>, InPlace<P>>()
        .routed::<Routed<P>>()
        .polled::<InPlace<P>, InPlace<P>>()
        .tasks::<InPlace<P>, InPlace<P>>()
        .nobody::<InPlace<P>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_row(size: usize) -> OwnRow {
        let own = Own { size, capacity: 64, cores: vec![] };
        let (publishers, subscribers) = (2, 3);
        let workload = Workload::Thread;
        OwnRow { own, workload, publishers, subscribers, batched: false, pace: 100_000 }
    }

    #[test]
    fn every_size_runs_every_workload_and_loses_nothing() {
        for size in SIZES {
            for workload in Workload::value_variants() {
                for batched in [false, true] {
                    let row = OwnRow { workload: *workload, batched, ..own_row(*size) };
                    let stop = Stop::Messages(1_024);
                    let (entry, order) = row.prepare("adaptive", stop).expect("a valid row");
                    let stop = if workload.is_paced() { Stop::Seconds(0.01) } else { stop };
                    let order = Order { stop, ..order };
                    // It panics if a message is lost, torn, repeated or out of order.
                    let measurement = entry.run(order.row).expect("it can")(&order);
                    assert!(measurement.published > 0, "{}", order.row.name);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let stop = Stop::Messages(1);
        let error = own_row(65).prepare("spin", stop).err().expect("no such size");
        assert!(error.contains("messages of 65 bytes: expected one of [16, 32"), "{error}");
        assert!(own_row(64).prepare("sleep", stop).is_err());
    }
}
