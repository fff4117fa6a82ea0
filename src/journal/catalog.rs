//! The segments of a journal, and what is known of each.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::envelope::Timestamp;
use crate::journal::cursor::Cursor;
use crate::journal::error::JournalError;
use crate::journal::record::{Header, Kind};
use crate::journal::segment::{self, PREAMBLE};
use crate::journal::summary::{Place, Summary};

/// The segments, oldest first. The last is the one that is (or was last) written.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    pub(crate) dir: PathBuf,
    pub(crate) older: Vec<Arc<Summary>>,
    pub(crate) last: Summary,
    /// The sequences of the records that count no more.
    pub(crate) withdrawn: Arc<HashSet<u64>>,
}

/// What is behind the last whole record of the last segment.
#[derive(Clone, Debug)]
pub(crate) struct Torn {
    /// How many bytes.
    pub(crate) bytes: u64,
    /// What is wrong with them.
    pub(crate) why: String,
}

impl Catalog {
    /// What is in `dir`; `None` if there is no segment. Indices that are missing are written if `mends`.
    pub(crate) fn load(
        dir: &Path,
        mends: bool,
    ) -> Result<Option<(Self, Option<Torn>)>, JournalError> {
        let firsts = segment::list(dir)?;
        let Some((&last, older)) = firsts.split_last() else { return Ok(None) };
        let older: Vec<_> = older
            .iter()
            .map(|&first| summary_of(dir, first, mends).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let behind = older.iter().map(|summary| summary.next).zip(firsts.iter().skip(1));
        for (expected, &found) in behind {
            if expected != found {
                let path = segment::path(dir, found);
                return Err(JournalError::Gap { path, expected, found });
            }
        }
        let (last, torn) = scan(dir, last)?;
        let mut catalog = Self { dir: dir.to_owned(), older, last, withdrawn: Arc::default() };
        catalog.withdrawn = Arc::new(catalog.all_withdrawn().collect());
        Ok(Some((catalog, torn)))
    }

    fn all_withdrawn(&self) -> impl Iterator<Item = u64> {
        self.segments().flat_map(|summary| summary.withdrawn.iter().copied())
    }

    /// A record has been added to the last segment.
    pub(crate) fn add(&mut self, header: &Header, body: &[u8]) {
        self.last.add(header, body);
        if header.kind == Kind::Withdrawal {
            Arc::make_mut(&mut self.withdrawn).extend(self.last.withdrawn.last());
        }
    }

    /// All segments, oldest first.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = &Summary> {
        self.older.iter().map(|summary| &**summary).chain([&self.last])
    }

    /// The sequence of the oldest record.
    pub(crate) fn first(&self) -> u64 {
        self.older.first().map_or(self.last.first, |oldest| oldest.first)
    }

    /// The length of all segments, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments().map(|summary| summary.bytes).sum()
    }

    /// Where a reader of the record of this sequence, and of what is behind it, should begin to read.
    pub(crate) fn find_sequence(&self, sequence: u64) -> Result<(u64, Place), JournalError> {
        if sequence < self.first() {
            return Err(JournalError::Retired { wanted: sequence, oldest: self.first() });
        }
        let holds = |summary: &&Summary| summary.first <= sequence;
        let summary = self.segments().rfind(holds).unwrap_or(&self.last);
        Ok((summary.first, summary.before(|place| place.sequence > sequence)))
    }

    /// Where a reader of what was journalled at this time or later should begin to read.
    pub(crate) fn find_time(&self, time: Timestamp) -> (u64, Place) {
        let holds = |summary: &&Summary| summary.last_at.is_some_and(|last| last >= time);
        let summary = self.segments().find(holds).unwrap_or(&self.last);
        (summary.first, summary.before(|place| place.at >= time))
    }
}

/// The summary of an older segment: its index, or what reading it says.
fn summary_of(dir: &Path, first: u64, mends: bool) -> Result<Summary, JournalError> {
    let path = segment::path(dir, first);
    if let Some(summary) = Summary::read(&path, first) {
        drop(segment::open(dir, first)?);
        return Ok(summary);
    }
    let (summary, torn) = scan(dir, first)?;
    if let Some(torn) = torn {
        return Err(JournalError::corrupt(&path, summary.bytes, torn.why));
    }
    if mends {
        summary.write(&path)?;
    }
    Ok(summary)
}

/// Reads a segment from its beginning to its end, or to what is no record.
pub(crate) fn scan(dir: &Path, first: u64) -> Result<(Summary, Option<Torn>), JournalError> {
    let path = segment::path(dir, first);
    let length = path.metadata().map_err(JournalError::io(&path, "read"))?.len();
    let mut summary = Summary::new(first);
    let start = Place { sequence: first, at: Timestamp::from_nanos(0), offset: PREAMBLE as u64 };
    let mut cursor = Cursor::open(dir, first, start)?;
    while let Some((header, body)) = cursor.step()? {
        summary.add(&header, cursor.body(body));
    }
    let torn = cursor
        .flaw()
        .map(|why| Torn { bytes: length.saturating_sub(summary.bytes), why: why.to_owned() });
    Ok((summary, torn))
}
