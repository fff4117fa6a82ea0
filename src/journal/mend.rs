//! Looks whether the files of a journal are as they were written, and cuts off what is not.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::journal::catalog::scan;
use crate::journal::error::JournalError;
use crate::journal::lock::Lock;
use crate::journal::retention;
use crate::journal::segment::{self, PREAMBLE};
use crate::journal::summary::Summary;

/// What was found in the files of a journal.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// Whole segments.
    pub segments: usize,
    /// Whole records, up to what is wrong.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes behind the last record, if they are none: one is being written, or a crash has torn it, and it will be cut
    /// off when the journal is opened.
    pub torn: u64,
    /// What is wrong, if anything is. Behind it nothing was looked at.
    pub flaw: Option<JournalError>,
}

/// Reads all records of the journal in this directory, whatever its indices say. `progress` is told after each segment
/// how many bytes have been read. Somebody may have the journal open.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn verify_journal(
    path: impl AsRef<Path>,
    mut progress: impl FnMut(u64),
) -> Result<Verification, JournalError> {
    let dir = path.as_ref();
    let firsts = segments(dir)?;
    let mut found = Verification::default();
    let mut expected = firsts[0];
    for (index, &first) in firsts.iter().enumerate() {
        let path = segment::path(dir, first);
        if first != expected {
            found.flaw = Some(JournalError::Gap { path, expected, found: first });
            return Ok(found);
        }
        let (summary, torn) = match scan(dir, first) {
            Ok(scanned) => scanned,
            Err(error @ JournalError::Io { .. }) => return Err(error),
            Err(error) => {
                found.flaw = Some(error);
                return Ok(found);
            }
        };
        found.records += summary.records();
        found.bytes += summary.bytes;
        progress(found.bytes);
        expected = summary.next;
        if let Some(torn) = torn {
            let is_last = index + 1 == firsts.len();
            if let Err(error) = crate::journal::recovery::refuse_corruption(&path, &summary, &torn)
            {
                found.flaw = Some(error);
            } else if is_last {
                found.torn = torn.bytes;
            } else {
                found.flaw = Some(JournalError::corrupt(&path, summary.bytes, torn.why));
            }
            return Ok(found);
        }
        found.segments += 1;
    }
    Ok(found)
}

/// What was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CutOff {
    /// The journal ends before this sequence now.
    pub next: u64,
    /// The files as they were, with `.cut` behind their names.
    pub kept: Vec<PathBuf>,
}

/// Has the journal in this directory end before the first thing that is wrong; `None` if nothing is. What was there
/// stays beside it, in files whose names end in `.cut`. Nobody may have the journal open.
///
/// # Errors
/// It cannot be read or written, is open, or is of a newer version.
pub fn cut_journal(path: impl AsRef<Path>) -> Result<Option<CutOff>, JournalError> {
    let dir = path.as_ref();
    let firsts = segments(dir)?;
    let _lock = Lock::take(dir)?;
    let mut next = firsts[0];
    for (index, &first) in firsts.iter().enumerate() {
        let scanned =
            if first == next { scan(dir, first) } else { Ok((Summary::new(first), None)) };
        let intact = match scanned {
            Ok((summary, None)) if first == next => {
                next = summary.next;
                continue;
            }
            Ok((summary, Some(_))) => Some(summary),
            Err(error @ (JournalError::Io { .. } | JournalError::Version { .. })) => {
                return Err(error);
            }
            // The file itself is none, or not the one that should be here.
            Ok((_, None)) | Err(_) => None,
        };
        next = intact.as_ref().map_or(next, |summary| summary.next);
        let kept = set_aside(dir, &firsts[index..], intact.as_ref())?;
        if intact.is_none() && index == 0 {
            // Nothing is left: it begins anew where it began.
            segment::create(dir, next, crate::envelope::Timestamp::now()).map(drop)?;
        }
        return Ok(Some(CutOff { next, kept }));
    }
    Ok(None)
}

/// Moves the segments out of the way, and leaves what is intact of the first.
fn set_aside(
    dir: &Path,
    firsts: &[u64],
    intact: Option<&Summary>,
) -> Result<Vec<PathBuf>, JournalError> {
    let mut kept = Vec::new();
    // The last first: whatever happens meanwhile, there is no hole.
    for &first in firsts.iter().rev() {
        let path = segment::path(dir, first);
        let aside = OsString::from_iter([path.as_os_str(), ".cut".as_ref()]).into();
        match intact {
            Some(summary) if summary.first == first => {
                fs::copy(&path, &aside).map_err(JournalError::io(&path, "copy"))?;
                let opened = File::options().write(true).open(&path);
                let file = opened.map_err(JournalError::io(&path, "open"))?;
                let length = summary.bytes.max(PREAMBLE as u64);
                let done = file.set_len(length).and_then(|()| file.sync_all());
                done.map_err(JournalError::io(&path, "cut"))?;
            }
            _ => fs::rename(&path, &aside).map_err(JournalError::io(&path, "rename"))?,
        }
        retention::delete_index(&path)?;
        kept.push(aside);
    }
    segment::sync_dir(dir).map_err(JournalError::io(dir, "force to disk"))?;
    kept.reverse();
    Ok(kept)
}

/// The segments, of which there is at least one.
fn segments(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let firsts = if dir.is_dir() { segment::list(dir)? } else { Vec::new() };
    if firsts.is_empty() {
        return Err(JournalError::NotFound { path: dir.to_owned() });
    }
    Ok(firsts)
}
