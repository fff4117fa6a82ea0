//! What a child is asked for, and the line of JSON it answers with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::own::OwnRow;

/// One measurement that a child is to make.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The row's name.
    pub row: String,
    /// The contender's name.
    pub contender: String,
    /// When publishers stop.
    pub stop: Stop,
    /// What the row is, if it is not one of the harness; the contender is then how its threads wait.
    pub own: Option<OwnRow>,
}

impl Job {
    /// A long run with a router.
    pub fn soak(messages: u64) -> Self {
        let (row, contender) = ("router-1-16".into(), "stentor".into());
        Self { row, contender, stop: Stop::Messages(messages), own: None }
    }
}

/// When publishers stop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stop {
    /// After so many seconds.
    Seconds(f64),
    /// After so many messages in all.
    Messages(u64),
}

impl Stop {
    /// The time to run for, where the row is timed whatever was asked for (latency, idle).
    pub fn duration(self) -> Duration {
        match self {
            Stop::Seconds(seconds) => Duration::from_secs_f64(seconds),
            Stop::Messages(_) => Duration::from_millis(400),
        }
    }
}

/// What one run in one child has shown. Fields that a row does not measure are zero or absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measurement {
    /// Messages published.
    pub published: u64,
    /// Messages received, all subscribers together (in the slow row: the others).
    pub delivered: u64,
    /// From the first publish to the last receipt.
    pub seconds: f64,
    /// Messages per second that reached every subscriber: deliveries / subscribers / seconds. Where
    /// nothing is lost, that is what was published.
    pub messages_per_second: f64,
    /// Deliveries per second.
    pub deliveries_per_second: f64,
    /// The share of deliveries that did not happen, 0 to 1.
    pub lost: f64,
    /// Heap allocations per published message, after warm-up.
    pub allocations: f64,
    /// Cores kept busy. In latency rows with a publishing thread: without that thread, which spins
    /// by the clock.
    pub cores: f64,
    /// Nanoseconds per publish (nobody, broker-publish-alone), request (request and ask rows) or actor
    /// (actor-spawn).
    pub nanos: Option<f64>,
    /// Throughput as a share of that of the undisturbed run (churn row).
    pub ratio: Option<f64>,
    /// The share of messages that the slow subscriber lost (slow row).
    pub slow_lost: Option<f64>,
    /// Bytes of each actor (actor-memory).
    pub bytes: Option<f64>,
    /// Latency (latency rows; in request and ask rows, the time of some of the requests).
    pub latency: Option<Latency>,
}

/// Latency percentiles in nanoseconds, measured from the intended time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the messages were faster.
    pub p50: u64,
    /// 90 % were faster.
    pub p90: u64,
    /// 99 % were faster.
    pub p99: u64,
    /// 99.9 % were faster.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
    /// The whole curve: percentile and nanoseconds.
    pub curve: Vec<(f64, u64)>,
}
