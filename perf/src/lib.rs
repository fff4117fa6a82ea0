//! Measures publish/subscribe engines: the harness behind `cargo run --release -p perf`, and behind `stentor bench`.
//!
//! Each measurement runs in a process of its own: the harness calls itself with `--job` and reads a line of JSON.
//! Without the feature `peers` there is no other library to compare with, and only [`own`] workloads are measured.

pub mod actors;
pub mod alloc;
pub mod child;
#[cfg(feature = "peers")]
pub mod choice;
#[cfg(feature = "peers")]
pub mod cli;
#[cfg(feature = "peers")]
pub mod contenders;
pub mod contract;
pub mod crew;
pub mod drive;
pub mod entry;
pub mod machine;
pub mod measurement;
pub mod own;
pub mod parent;
pub mod plan;
pub mod process;
pub mod remote;
pub mod report;
pub mod results;
pub mod rows;
pub mod stats;
pub mod usage;
pub mod workload;
