//! Measurements on this machine: the workloads of the harness `perf`, with the user's own numbers.
//!
//! [`args`] makes a plan of the command line, `perf` measures and reports, [`compare`] reads what was measured before.

mod args;
mod compare;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use perf::results::Results;
use perf::{alloc, child, parent, report};

pub use self::args::Args;
use self::compare::{Before, Verdict};
use crate::exit::{Done, Exit};

/// Counts every allocation of the process: that is one of the figures.
#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// Does what `args` say.
pub fn run(args: Args) -> Done {
    if let Some(job) = &args.job {
        child::run(job)?;
        return Ok(Exit::Success);
    }
    // Before anything is measured for nothing.
    let before = args.compare.as_deref().map(Before::read).transpose()?;
    let plan = args.plan()?;
    if cfg!(debug_assertions) {
        writeln!(anstream::stderr(), "WARNING: this is a debug build, whose figures mean little")?;
    }
    let results = parent::run(&plan);
    let mut out = anstream::stdout();
    write!(out, "{}", report::terminal::render(&results))?;
    write_reports(&args, &results, &mut out)?;
    let is_worse = match before {
        Some(before) => show(&before, &results, &mut out)?,
        None => false,
    };
    Ok(match (results.any_failure(), is_worse) {
        (true, _) => Exit::Failure,
        (false, true) => Exit::Finding,
        (false, false) => Exit::Success,
    })
}

/// Shows how results compare with those before; whether anything has become worse.
fn show(before: &Before, results: &Results, out: &mut impl Write) -> Result<bool, Box<dyn Error>> {
    let comparisons = before.compare(results);
    writeln!(out, "\ncompared with {}", before.origin())?;
    if let Some(difference) = before.is_about_something_else(results) {
        writeln!(out, "  WARNING: {difference}")?;
    }
    for comparison in &comparisons {
        writeln!(out, "  {comparison}")?;
    }
    Ok(comparisons.iter().any(|comparison| matches!(comparison.verdict, Verdict::Worse(_))))
}

/// Writes the files, and says where they are.
fn write_reports(
    args: &Args,
    results: &Results,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let write = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(path) = &args.json {
        write(path, report::json::render(results))?;
        writeln!(out, "written: {}", path.display())?;
    }
    if let Some(path) = &args.csv {
        write(path, report::csv::render(results))?;
        writeln!(out, "written: {}", path.display())?;
    }
    if let Some(directory) = &args.svg {
        for path in report::chart::draw(results, directory)? {
            writeln!(out, "chart: {}", path.display())?;
        }
    }
    Ok(())
}
