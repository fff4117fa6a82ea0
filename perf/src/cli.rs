//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Stentor's performance harness: real publishers and subscribers on this machine, side by side
/// with the reference design and with other libraries, each measurement in a process of its own.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// Run every row with every contender, five rounds (about 25 minutes).
    #[arg(long)]
    pub full: bool,

    /// Rows to run, by name or by what their names begin with; with all contenders that support
    /// them.
    #[arg(long, value_delimiter = ',', value_name = "ROW,..")]
    pub rows: Vec<String>,

    /// Contenders to run; `reference` is added, because everything is compared with it.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub contenders: Vec<String>,

    /// Rounds of the whole; medians and spreads are over them [default: 3, with --full 5].
    #[arg(long, value_name = "N")]
    pub rounds: Option<usize>,

    /// Length of one measurement [default: 0.3, with --full 0.4].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,

    /// Publish so many messages in each measurement instead of stopping by the clock (throughput
    /// rows).
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub messages: Option<u64>,

    /// Instead of all that, send so many messages to 16 handlers on a router thread, and check that each got
    /// every one, once and in order.
    #[arg(long, value_name = "N")]
    pub soak: Option<u64>,

    /// List rows and contenders, and run nothing.
    #[arg(long)]
    pub list: bool,

    /// Write all results, every round of them, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write the summaries as CSV.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Write the tables as Markdown, in the form of perf/RESULTS.md.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Where the charts (SVG) go.
    #[arg(long, value_name = "DIR", default_value = "target/perf")]
    pub charts: PathBuf,

    /// Make one measurement in this process and print it: how the harness calls itself.
    #[arg(long, hide = true, value_name = "JSON")]
    pub job: Option<String>,
}

/// A number of seconds that makes sense.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3_600.0).contains(&seconds) => Ok(seconds),
        _ => Err("between 0.01 and 3600".into()),
    }
}
