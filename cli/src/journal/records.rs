//! `cat`, `tail` and `grep`.

use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use regex::Regex;
use stentor::{JournalReader, JournalRecord, ReplayQuery};

use crate::exit::{Done, Exit};
use crate::journal::select::Select;
use crate::journal::show;

/// How often `tail -f` looks.
const EVERY: Duration = Duration::from_millis(100);

/// What is printed.
#[derive(Debug, clap::Args)]
pub struct Print {
    /// The directory of the journal.
    #[arg(value_name = "JOURNAL")]
    path: PathBuf,

    /// One JSON object per line.
    #[arg(long)]
    json: bool,

    /// Only dead letters.
    #[arg(long, conflicts_with = "messages")]
    dead_letters: bool,

    /// No dead letters.
    #[arg(long)]
    messages: bool,

    #[command(flatten)]
    select: Select,
}

/// The arguments of `cat`.
#[derive(Debug, clap::Args)]
pub struct Cat {
    #[command(flatten)]
    print: Print,

    /// At most so many records.
    #[arg(long, short = 'n', value_name = "COUNT")]
    limit: Option<usize>,
}

/// The arguments of `tail`.
#[derive(Debug, clap::Args)]
pub struct Tail {
    #[command(flatten)]
    print: Print,

    /// Look only at the last so many records.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 10)]
    lines: u64,

    /// Go on with the records that come.
    #[arg(long, short)]
    follow: bool,
}

/// The arguments of `grep`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is looked at is the line that `cat` prints. Exit code 3 if nothing is found."
)]
pub struct Grep {
    /// The regular expression.
    #[arg(value_name = "PATTERN")]
    pattern: Regex,

    #[command(flatten)]
    print: Print,

    /// Only say how many there are.
    #[arg(long, short)]
    count: bool,
}

impl Print {
    fn query(&self) -> Result<ReplayQuery, Box<dyn std::error::Error>> {
        let query = self.select.query()?;
        Ok(match (self.messages, self.dead_letters) {
            (true, _) => query,
            (_, true) => query.dead_letters(),
            _ => query.with_dead_letters(),
        })
    }

    fn print(&self, record: &JournalRecord, out: &mut impl Write) -> std::io::Result<()> {
        if self.json {
            return writeln!(out, "{}", show::json(record));
        }
        writeln!(out, "{}", show::line(record))
    }
}

/// Runs `stentor journal cat`.
pub fn cat(args: &Cat) -> Done {
    let reader = JournalReader::open(&args.print.path)?;
    let records = reader.records(args.print.query()?)?;
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    for record in records.take(args.limit.unwrap_or(usize::MAX)) {
        args.print.print(&record?, &mut out)?;
    }
    Ok(Exit::Success)
}

/// Runs `stentor journal tail`.
pub fn tail(args: &Tail) -> Done {
    let reader = JournalReader::open(&args.print.path)?;
    let mut query = args.print.query()?;
    if args.print.select.from.is_none() {
        let stats = reader.stats();
        query = query.from_sequence(stats.next.saturating_sub(args.lines).max(stats.first));
    }
    let mut records = reader.records(query)?;
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    loop {
        for record in records.by_ref() {
            args.print.print(&record?, &mut out)?;
        }
        out.flush()?;
        if !args.follow {
            return Ok(Exit::Success);
        }
        thread::sleep(EVERY);
    }
}

/// Runs `stentor journal grep`.
pub fn grep(args: &Grep) -> Done {
    let reader = JournalReader::open(&args.print.path)?;
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    let mut count = 0_u64;
    for record in reader.records(args.print.query()?)? {
        let record = record?;
        let line = anstream::adapter::strip_str(&show::line(&record)).to_string();
        if args.pattern.is_match(&line) {
            count += 1;
            if !args.count {
                args.print.print(&record, &mut out)?;
            }
        }
    }
    if args.count {
        writeln!(out, "{count}")?;
    }
    Ok(if count > 0 { Exit::Success } else { Exit::Finding })
}
