//! Appends records to the last segment.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use crate::codec::CodecError;
use crate::envelope::Timestamp;
use crate::journal::catalog::Catalog;
use crate::journal::error::JournalError;
use crate::journal::progress::Progress;
use crate::journal::record::{self, HEADER, Header, Kind, MOST_BODY};
use crate::journal::segment;
use crate::journal::summary::Summary;

/// What is gathered at most before it is written.
const MOST_BUFFERED: usize = 4 << 20;

/// The one who writes.
pub(crate) struct Writer {
    pub(crate) catalog: Catalog,
    /// The last segment. Shared with who forces it to disk meanwhile.
    pub(crate) file: Arc<File>,
    /// Records that are not in the file yet.
    buffer: Vec<u8>,
    /// Their headers, and where their bodies are in the buffer.
    headers: Vec<Header>,
    /// The time of all records of a batch; it never goes back.
    now: Timestamp,
    segment_bytes: u64,
}

impl Writer {
    pub(crate) fn new(catalog: Catalog, file: File, segment_bytes: u64) -> Self {
        let now = catalog.segments().rev().find_map(|summary| summary.last_at);
        Self {
            catalog,
            file: Arc::new(file),
            buffer: Vec::new(),
            headers: Vec::new(),
            now: now.unwrap_or(Timestamp::from_nanos(0)),
            segment_bytes,
        }
    }

    /// The sequence of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.catalog.last.next + self.headers.len() as u64
    }

    /// Begins a batch: in a new segment, if the last is full. Says whether it is.
    pub(crate) fn begin(&mut self, progress: &Progress) -> Result<bool, JournalError> {
        // What is left of a batch whose codec panicked.
        self.forget();
        self.now = self.now.max(Timestamp::coarse());
        let is_full = self.catalog.last.bytes >= self.segment_bytes;
        if is_full {
            self.rotate(progress)?;
        }
        Ok(is_full)
    }

    /// Adds a record, whose body `write` appends to what it is given. Gives its sequence.
    pub(crate) fn push(
        &mut self,
        kind: Kind,
        progress: &Progress,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<u64, JournalError> {
        let (start, sequence) = (self.buffer.len(), self.next());
        self.buffer.extend([0; HEADER]);
        let written = write(&mut self.buffer).map_err(JournalError::Encode);
        let size = self.buffer.len() - start;
        let fits = size - HEADER <= MOST_BODY;
        if written.is_err() || !fits {
            self.buffer.truncate(start);
            written?;
            return Err(JournalError::TooLarge { size: size - HEADER, limit: MOST_BODY });
        }
        let synced = self.headers.is_empty() && progress.durable.get() == sequence;
        record::seal(&mut self.buffer[start..], sequence, self.now, kind, synced);
        self.headers.push(Header { sequence, at: self.now, kind, size });
        if self.buffer.len() >= MOST_BUFFERED {
            self.flush(progress)?;
        }
        Ok(sequence)
    }

    /// Writes what was added. If it cannot all be written, none of it is there.
    pub(crate) fn flush(&mut self, progress: &Progress) -> Result<(), JournalError> {
        let written = (&*self.file).write_all(&self.buffer);
        if let Err(error) = written {
            // What cannot be cut off is torn, and is cut off when the journal is opened again.
            drop(self.file.set_len(self.catalog.last.bytes));
            self.forget();
            let path = segment::path(&self.catalog.dir, self.catalog.last.first);
            return Err(JournalError::io(&path, "write")(error));
        }
        let mut start = 0;
        for header in &self.headers {
            let body = &self.buffer[start + HEADER..start + header.size];
            self.catalog.add(header, body);
            start += header.size;
        }
        self.forget();
        progress.written.raise(self.catalog.last.next);
        Ok(())
    }

    fn forget(&mut self) {
        self.buffer.clear();
        self.headers.clear();
    }

    /// Begins a new segment. The old one is on disk then, and its index beside it.
    fn rotate(&mut self, progress: &Progress) -> Result<(), JournalError> {
        let dir = self.catalog.dir.clone();
        let path = segment::path(&dir, self.catalog.last.first);
        self.file.sync_data().map_err(JournalError::io(&path, "force to disk"))?;
        let next = self.catalog.last.next;
        progress.durable.raise(next);
        self.catalog.last.write(&path)?;
        self.file = Arc::new(segment::create(&dir, next, self.now)?);
        let old = std::mem::replace(&mut self.catalog.last, Summary::new(next));
        self.catalog.older.push(Arc::new(old));
        Ok(())
    }
}
