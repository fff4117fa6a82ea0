//! `info`: how many records there are, since when, and in which files.

use std::io::Write;
use std::path::PathBuf;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use stentor::{JournalReader, SegmentInfo, Timestamp};

use crate::exit::{Done, Exit};
use crate::journal::show::time;

/// The arguments of `info`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal.
    #[arg(value_name = "JOURNAL")]
    path: PathBuf,

    /// As JSON.
    #[arg(long)]
    json: bool,

    /// Its files as well.
    #[arg(long)]
    segments: bool,
}

/// Runs `stentor journal info`.
pub fn run(args: &Args) -> Done {
    let reader = JournalReader::open(&args.path)?;
    let mut out = anstream::AutoStream::auto(std::io::stdout()).lock();
    if args.json {
        writeln!(out, "{:#}", as_json(&reader)?)?;
        return Ok(Exit::Success);
    }
    let stats = reader.stats();
    writeln!(out, "records    {}", HumanCount(stats.next - stats.first))?;
    writeln!(out, "sequences  {} to {}", stats.first, stats.next)?;
    if let (Some(first), Some(last)) = (stats.first_at, stats.last_at) {
        writeln!(out, "from       {}\nto         {}", time(first), time(last))?;
    }
    writeln!(out, "withdrawn  {}", stats.withdrawn)?;
    writeln!(out, "segments   {}, {}", stats.segments, HumanBytes(stats.bytes))?;
    writeln!(out, "open       {}", if reader.is_open()? { "yes" } else { "no" })?;
    if let Some((bytes, why)) = reader.torn() {
        writeln!(out, "end        {bytes} bytes that are no record (yet): {why}")?;
    }
    if args.segments {
        for segment in reader.segments() {
            let (records, bytes) = (HumanCount(segment.records), HumanBytes(segment.bytes));
            writeln!(out, "{}  {records} records, {bytes}", segment.path.display())?;
        }
    }
    Ok(Exit::Success)
}

fn as_json(reader: &JournalReader) -> Result<Value, stentor::JournalError> {
    let stats = reader.stats();
    let at = |at: Option<Timestamp>| at.map(|at| time(at).to_string());
    let segment = |segment: SegmentInfo| {
        json!({
            "path": segment.path, "first": segment.first, "records": segment.records,
            "bytes": segment.bytes, "from": at(segment.first_at), "to": at(segment.last_at),
        })
    };
    Ok(json!({
        "first": stats.first,
        "next": stats.next,
        "from": at(stats.first_at),
        "to": at(stats.last_at),
        "withdrawn": stats.withdrawn,
        "bytes": stats.bytes,
        "open": reader.is_open()?,
        "torn": reader.torn().map(|(bytes, why)| json!({ "bytes": bytes, "why": why })),
        "segments": reader.segments().into_iter().map(segment).collect::<Vec<_>>(),
    }))
}
