//! The command line, and the plan that it makes.

use std::path::PathBuf;

use perf::measurement::Stop;
use perf::own::parcel::SIZES;
use perf::own::{Own, OwnRow, Wait, Workload, check_cores};
use perf::plan::Plan;
use perf::workload::MAX_PUBLISHERS;

/// Rings of more slots take long to make, and do not fit into any cache.
const MAX_CAPACITY: usize = 1 << 24;

/// The arguments of `stentor bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How messages are published and received.
    #[arg(long, value_delimiter = ',', default_value = "thread,router,async,latency-block")]
    workload: Vec<Workload>,

    /// Bytes of a message.
    #[arg(long, value_name = "BYTES", default_value = "64", value_parser = size)]
    size: usize,

    /// Publishers; of latency and of `nobody` there is one.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1",
          value_parser = clap::value_parser!(u16).range(1..=MAX_PUBLISHERS as i64))]
    publishers: Vec<u16>,

    /// Subscribers; of latency there is one.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    subscribers: Vec<u16>,

    /// How threads wait; several are compared.
    #[arg(long, value_name = "STRATEGY,..", value_delimiter = ',', default_value = "adaptive")]
    wait: Vec<Wait>,

    /// Slots of the ring (rounded up to a power of two).
    #[arg(long, value_name = "SLOTS", default_value = "1024", value_parser = capacity)]
    capacity: usize,

    /// Publish 64 messages at once (threads only).
    #[arg(long)]
    batched: bool,

    /// Messages per second in latency workloads.
    #[arg(long, value_name = "N", default_value = "100000",
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pace: u64,

    /// Run on these cores only (Linux) [default: all].
    #[arg(long, value_name = "CORE,..", value_delimiter = ',')]
    cores: Vec<usize>,

    /// Rounds of the whole; medians and spreads are over them.
    #[arg(long, value_name = "N", default_value = "5",
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,

    /// Length of one measurement.
    #[arg(long, value_name = "S", default_value = "0.3", value_parser = seconds)]
    seconds: f64,

    /// Publish so many messages in each measurement instead of stopping by the clock.
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    messages: Option<u64>,

    /// Compare with what `--json` has written before: ratios, and whether they mean anything.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,

    /// Write everything, every round of it, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write the summaries as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Write charts as SVG: throughput over subscribers, latency over percentiles.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,

    /// Make one measurement in this process and print it: how the command calls itself.
    #[arg(long, hide = true, value_name = "JSON")]
    pub job: Option<String>,
}

impl Args {
    /// What is to be measured.
    pub fn plan(&self) -> Result<Plan, String> {
        check_cores(&self.cores)?;
        let own: Vec<_> = self.rows();
        let entries = |row: &OwnRow| self.wait.iter().filter_map(|wait| row.entry(*wait)).collect();
        Ok(Plan {
            rows: own.iter().map(|row| (row.row(), entries(row))).collect(),
            own,
            skipped: Vec::new(),
            rounds: self.rounds.into(),
            stop: self.messages.map_or(Stop::Seconds(self.seconds), Stop::Messages),
            call: &["bench", "--job"],
        })
    }

    /// Each workload with each number of publishers and subscribers; those that have but one of them, once.
    fn rows(&self) -> Vec<OwnRow> {
        let own = Own { size: self.size, capacity: self.capacity, cores: self.cores.clone() };
        let mut rows: Vec<OwnRow> = Vec::new();
        for workload in self.workload.iter().copied() {
            for publishers in self.publishers.iter().copied().map(usize::from) {
                for subscribers in self.subscribers.iter().copied().map(usize::from) {
                    let (own, batched, pace) = (own.clone(), self.batched, self.pace);
                    let row = OwnRow { own, workload, publishers, subscribers, batched, pace };
                    let name = row.row().name;
                    if rows.iter().all(|other| other.row().name != name) {
                        rows.push(row);
                    }
                }
            }
        }
        rows
    }
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().ok().filter(|size| SIZES.contains(size));
    size.ok_or_else(|| format!("expected one of {SIZES:?}"))
}

fn capacity(text: &str) -> Result<usize, String> {
    let capacity = text.parse().ok().filter(|slots| (1..=MAX_CAPACITY).contains(slots));
    capacity.ok_or_else(|| format!("expected 1 to {MAX_CAPACITY}"))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| "expected 0.01 to 3600".into())
}
