//! Reads a journal that may be open elsewhere, and whose messages are of no known type.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::envelope::{MessageMetadata, Timestamp};
use crate::journal::catalog::{Catalog, Torn};
use crate::journal::cursor::Cursor;
use crate::journal::error::JournalError;
use crate::journal::lock::Lock;
use crate::journal::query::ReplayQuery;
use crate::journal::scan::{Parts, Scan};
use crate::journal::segment;
use crate::journal::stats::JournalStats;

/// Reads a journal without opening it: another process may write it meanwhile. It knows nothing of the type of the
/// messages, and changes nothing.
///
/// ```
/// use stentor::{Journal, JournalConfig, JournalReader, MessageEnvelope, ReplayQuery};
///
/// # let directory = std::env::temp_dir().join(format!("stentor-doc-reader-{}", std::process::id()));
/// let journal = Journal::<u64>::open(&directory, JournalConfig::default())?;
/// journal.append(&MessageEnvelope::new(7))?;
///
/// let reader = JournalReader::open(&directory)?;
/// let record = reader.records(ReplayQuery::new())?.next().unwrap()?;
/// assert_eq!((record.codec.as_str(), record.payload.as_slice()), ("postcard", &[7][..]));
/// # drop(journal);
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), stentor::JournalError>(())
/// ```
#[derive(Debug)]
pub struct JournalReader {
    catalog: Catalog,
    torn: Option<Torn>,
}

impl JournalReader {
    /// Looks at the journal in this directory. Segments whose index is missing are read for that.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let none = || JournalError::NotFound { path: path.to_owned() };
        if !path.is_dir() {
            return Err(none());
        }
        let (catalog, torn) = Catalog::load(path, false)?.ok_or_else(none)?;
        Ok(Self { catalog, torn })
    }

    /// How it was when this was opened. What is durable is not known here: `durable` is the same as `next`.
    pub fn stats(&self) -> JournalStats {
        JournalStats::of(&self.catalog, self.catalog.last.next, None)
    }

    /// Bytes behind the last record, and what is wrong with them: the record was being written, or is torn, and will
    /// be cut off when the journal is opened.
    pub fn torn(&self) -> Option<(u64, &str)> {
        self.torn.as_ref().map(|torn| (torn.bytes, torn.why.as_str()))
    }

    /// Whether somebody has it open, here or in another process.
    ///
    /// # Errors
    /// That cannot be found out.
    pub fn is_open(&self) -> Result<bool, JournalError> {
        match Lock::probe(&self.catalog.dir) {
            Err(JournalError::Locked { .. }) => Ok(true),
            probed => probed.map(|()| false),
        }
    }

    /// Its segments, oldest first.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let segments = self.catalog.segments().map(|summary| SegmentInfo {
            path: segment::path(&self.catalog.dir, summary.first),
            first: summary.first,
            records: summary.records(),
            bytes: summary.bytes,
            first_at: summary.first_at(),
            last_at: summary.last_at,
        });
        segments.collect()
    }

    /// The records that are wanted.
    ///
    /// # Errors
    /// There is nothing of where it should begin any more, or it cannot be read.
    pub fn records(&self, query: ReplayQuery) -> Result<Records, JournalError> {
        let (segment, place) = query.start.find(&self.catalog)?;
        let cursor = Cursor::open(&self.catalog.dir, segment, place)?;
        let withdrawn = Arc::clone(&self.catalog.withdrawn);
        Ok(Records { scan: Scan::new(cursor, query, withdrawn), has_failed: false })
    }
}

/// A segment file, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// The file.
    pub path: PathBuf,
    /// The sequence of its first record.
    pub first: u64,
    /// How many records it has.
    pub records: u64,
    /// Its length.
    pub bytes: u64,
    /// When its first record was journalled.
    pub first_at: Option<Timestamp>,
    /// When its last record was journalled.
    pub last_at: Option<Timestamp>,
}

/// A record, its payload in the bytes of its codec.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalRecord {
    /// Its place in the journal.
    pub sequence: u64,
    /// When it was journalled.
    pub at: Timestamp,
    /// Why it is a dead letter, if it is one.
    pub dead_letter: Option<String>,
    /// What is known of the message.
    pub metadata: MessageMetadata,
    /// The name of its codec.
    pub codec: String,
    /// The message, as its codec has encoded it.
    pub payload: Vec<u8>,
    /// Where in its segment it begins.
    pub offset: u64,
    /// How many bytes it has there.
    pub size: usize,
}

impl JournalRecord {
    fn of(parts: Parts<'_>) -> Self {
        let Parts { header, offset, reason, frame } = parts;
        Self {
            sequence: header.sequence,
            at: header.at,
            dead_letter: reason.map(str::to_owned),
            metadata: frame.metadata,
            codec: frame.codec.to_owned(),
            payload: frame.payload.to_vec(),
            offset,
            size: header.size,
        }
    }
}

/// Records, oldest first. Made by [`JournalReader::records`].
///
/// `None` is the end of what is there as yet: asked again later, it gives what has been written meanwhile. A record
/// that cannot be taken apart is one error, and those behind it follow; any other error is the end.
#[must_use = "nothing is read until it is iterated over"]
pub struct Records {
    scan: Scan,
    has_failed: bool,
}

impl Records {
    /// The sequence of the next record it looks at.
    pub fn position(&self) -> u64 {
        self.scan.cursor.position()
    }

    /// What is behind the last record, if that is not the end of the file: a record that is being written, or a torn
    /// one.
    pub fn torn(&self) -> Option<&str> {
        self.scan.flaw()
    }
}

impl Iterator for Records {
    type Item = Result<JournalRecord, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let found = self.scan.find(u64::MAX, |parts| Ok(JournalRecord::of(parts)));
        self.has_failed =
            found.as_ref().is_err_and(|error| !matches!(error, JournalError::Decode { .. }));
        found.transpose()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.scan.cursor.position();
        f.debug_struct("Records").field("position", &position).finish_non_exhaustive()
    }
}
