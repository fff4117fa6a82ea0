//! Journals on disk.
//!
//! The type of the messages is not known here: metadata are shown in full, and payloads as JSON where that is their
//! codec, else in hexadecimal digits. [`select`] says which records, [`show`] what they look like, and the others are
//! the commands.

mod bar;
mod files;
mod info;
mod raw;
mod records;
mod select;
mod send;
mod show;

use clap::Subcommand;

use crate::exit::Done;

/// The arguments of `stentor journal`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A journal is a directory of segment files. All commands but `verify --cut`, `compact` and `requeue` \
                  only read, also while a process writes it.\n\n\
                  Examples:\n  \
                  stentor journal info ./orders\n  \
                  stentor journal tail -f ./orders --topic 'orders.>'\n  \
                  stentor journal cat ./orders --since 10m --json | jq .payload\n  \
                  stentor journal replay ./orders --from 1000 --to nats://localhost:4222\n  \
                  stentor journal verify ./orders"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how many records there are, since when, and in which files.
    Info(info::Args),
    /// Print records, oldest first.
    Cat(records::Cat),
    /// Print the last records; with -f also those that come.
    Tail(records::Tail),
    /// Print the records whose line has what a regular expression looks for.
    Grep(records::Grep),
    /// Publish messages again, at a server.
    Replay(send::Replay),
    /// Publish dead letters again, at a server, and withdraw them from the journal.
    Requeue(send::Requeue),
    /// Read everything, and say whether it is as it was written.
    Verify(files::Verify),
    /// Delete what is not to be kept.
    Compact(files::Compact),
}

/// Does what `args` say.
pub fn run(args: Args) -> Done {
    match args.command {
        Command::Info(args) => info::run(&args),
        Command::Cat(args) => records::cat(&args),
        Command::Tail(args) => records::tail(&args),
        Command::Grep(args) => records::grep(&args),
        Command::Replay(args) => send::replay(args),
        Command::Requeue(args) => send::requeue(args),
        Command::Verify(args) => files::verify(&args),
        Command::Compact(args) => files::compact(&args),
    }
}
