//! `verify` and `compact`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use stentor::{Journal, JournalConfig, JournalReader, Retention, cut_journal, verify_journal};

use crate::exit::{Done, Exit};
use crate::journal::bar;
use crate::journal::raw::Raw;

/// The arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 3 if something is wrong. A torn end, as a crash leaves it, is not: it is cut off when the \
                        journal is opened."
)]
pub struct Verify {
    /// The directory of the journal.
    #[arg(value_name = "JOURNAL")]
    path: PathBuf,

    /// Have the journal end before the first thing that is wrong. The files as they were are kept, with `.cut` behind
    /// their names.
    #[arg(long)]
    cut: bool,
}

/// The arguments of `compact`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Whole segments are deleted, oldest first, never the last one.")]
pub struct Compact {
    /// The directory of the journal. No process may have it open.
    #[arg(value_name = "JOURNAL")]
    path: PathBuf,

    #[command(flatten)]
    keep: Keep,
}

/// What is kept: at least one is to be said.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Keep {
    /// Keep at most so many bytes, and a segment.
    #[arg(long, value_name = "BYTES")]
    bytes: Option<u64>,

    /// Keep what was journalled no longer ago than this: `30d`, `12h`.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    age: Option<Duration>,

    /// Keep the last so many records.
    #[arg(long, value_name = "COUNT")]
    records: Option<u64>,
}

/// How many bytes the segments have.
fn size(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let segments =
        entries.filter(|entry| entry.path().extension().is_some_and(|is| is == "journal"));
    segments.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// Runs `stentor journal verify`.
pub fn verify(args: &Verify) -> Done {
    let bar = bar::bytes(size(&args.path), "verifying");
    let found = verify_journal(&args.path, |bytes| bar.set_position(bytes))?;
    bar.finish_and_clear();
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    let (records, bytes) = (HumanCount(found.records), HumanBytes(found.bytes));
    writeln!(out, "{records} records in {bytes} are as they were written")?;
    if found.torn > 0 {
        writeln!(out, "{} bytes at the end are no record (yet)", found.torn)?;
    }
    let Some(flaw) = found.flaw else { return Ok(Exit::Success) };
    writeln!(out, "{flaw}")?;
    if args.cut
        && let Some(cut) = cut_journal(&args.path)?
    {
        writeln!(out, "it ends before sequence {} now; what was there is kept:", cut.next)?;
        for path in cut.kept {
            writeln!(out, "  {}", path.display())?;
        }
    }
    Ok(Exit::Finding)
}

/// Runs `stentor journal compact`.
pub fn compact(args: &Compact) -> Done {
    // Does not make one where there is none.
    let before = JournalReader::open(&args.path)?.stats();
    let Keep { bytes, age, records } = args.keep;
    let retention = Retention { bytes, age, records };
    let config = JournalConfig { retention, ..JournalConfig::default() };
    let journal = Journal::<Vec<u8>>::open_with(&args.path, config, Raw::new("postcard"))?;
    journal.compact();
    let after = journal.stats();
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    writeln!(
        out,
        "deleted {} records in {} segments ({}); {} are left",
        HumanCount(after.first - before.first),
        before.segments - after.segments,
        HumanBytes(before.bytes - after.bytes),
        HumanCount(after.next - after.first)
    )?;
    Ok(Exit::Success)
}
