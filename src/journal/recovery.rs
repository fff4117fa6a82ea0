//! What a crash has left behind is brought in order: a torn end is cut off, and anything else is an error.
//!
//! A record that is written first after all before it was forced to disk says so. So a place that is no record is
//! a torn end only if no record behind it says that all before it was on disk; otherwise something was lost that had
//! been there, and nothing is cut off.

use std::fs::{self, File};
use std::path::Path;

use crate::envelope::Timestamp;
use crate::journal::catalog::{Catalog, Torn};
use crate::journal::error::JournalError;
use crate::journal::record::find_synced;
use crate::journal::segment::{self, PREAMBLE};
use crate::journal::summary::Summary;

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// How many records there are.
    pub records: u64,
    /// Bytes of a torn end that were cut off.
    pub cut: u64,
}

/// The catalog of the directory, with at least one segment, and the last of them open for what comes.
pub(crate) fn recover(dir: &Path) -> Result<(Catalog, File, Recovery), JournalError> {
    drop_unborn(dir)?;
    let Some((catalog, torn)) = Catalog::load(dir, true)? else {
        let file = segment::create(dir, 0, Timestamp::now())?;
        let last = Summary::new(0);
        let catalog =
            Catalog { dir: dir.to_owned(), older: Vec::new(), last, withdrawn: Default::default() };
        return Ok((catalog, file, Recovery::default()));
    };
    let path = segment::path(dir, catalog.last.first);
    let mut recovery = Recovery { records: catalog.last.next - catalog.first(), cut: 0 };
    let opened = File::options().append(true).open(&path);
    let file = opened.map_err(JournalError::io(&path, "open"))?;
    if let Some(torn) = torn {
        refuse_corruption(&path, &catalog.last, &torn)?;
        cut(&path, &file, &catalog.last, &torn)?;
        recovery.cut = torn.bytes;
    }
    // What the last process wrote may not be on disk yet.
    file.sync_all().map_err(JournalError::io(&path, "force to disk"))?;
    Ok((catalog, file, recovery))
}

/// Removes a last segment whose making was cut short: it has no records.
fn drop_unborn(dir: &Path) -> Result<(), JournalError> {
    let Some(&last) = segment::list(dir)?.last() else { return Ok(()) };
    let path = segment::path(dir, last);
    let length = path.metadata().map_err(JournalError::io(&path, "read"))?.len();
    if length > PREAMBLE as u64 {
        return Ok(());
    }
    match segment::open(dir, last) {
        Err(JournalError::Corrupt { .. }) => {
            tracing::warn!(target: "stentor::journal", path = %path.display(), "removed an unfinished segment");
            fs::remove_file(&path).map_err(JournalError::io(&path, "remove"))
        }
        _ => Ok(()),
    }
}

/// An error if what is behind the last record had been on disk.
pub(crate) fn refuse_corruption(
    path: &Path,
    last: &Summary,
    torn: &Torn,
) -> Result<(), JournalError> {
    let bytes = fs::read(path).map_err(JournalError::io(path, "read"))?;
    let behind = bytes.get(last.bytes as usize + 1..).unwrap_or_default();
    match find_synced(behind, last.next + 1) {
        None => Ok(()),
        Some(at) => {
            let at = last.bytes + 1 + at as u64;
            let why = format!("{}, and it was on disk before the record at offset {at}", torn.why);
            Err(JournalError::corrupt(path, last.bytes, why))
        }
    }
}

fn cut(path: &Path, file: &File, last: &Summary, torn: &Torn) -> Result<(), JournalError> {
    tracing::warn!(
        target: "stentor::journal", path = %path.display(), offset = last.bytes, bytes = torn.bytes,
        "cut off a torn end: {}", torn.why
    );
    file.set_len(last.bytes).map_err(JournalError::io(path, "cut off the torn end of"))
}
