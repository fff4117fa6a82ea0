//! The command `stentor`: look into running processes, measure on this machine, work with journals.
//!
//! Each command is a module with its arguments (`Args`) and one entry (`run`).
//! What it prints it writes to `anstream::stdout()` with `writeln!(..)?`, so that a reader that goes away ends it quietly.

mod bench;
mod exit;
mod journal;
mod style;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Look into processes that use Stentor, measure it on this machine, and work with its journals.
#[derive(Debug, Parser)]
#[command(name = "stentor", version, about, styles = style::HELP, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what happens in a running process, live.
    Top(top::Args),
    /// Measure throughput and latency on this machine.
    Bench(bench::Args),
    /// Work with journals on disk.
    Journal(journal::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Top(args) => top::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Journal(args) => journal::run(args),
    };
    exit::report(done).into()
}
