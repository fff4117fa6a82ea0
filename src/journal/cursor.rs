//! Reads records, one after the other, from segment to segment.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::journal::error::JournalError;
use crate::journal::record::{self, HEADER, Header, Parsed};
use crate::journal::segment;
use crate::journal::summary::Place;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// Where a reader is.
#[derive(Debug)]
pub(crate) struct Cursor {
    dir: PathBuf,
    /// The sequence that its segment begins with.
    segment: u64,
    file: File,
    /// What has been read and not been taken yet: `buffer[taken..]`.
    buffer: Vec<u8>,
    taken: usize,
    /// Where in the file `buffer[taken]` is.
    offset: u64,
    /// The next sequence.
    next: u64,
    /// What is behind the last record, if that is not the end.
    flaw: Option<String>,
}

impl Cursor {
    /// At a place in the segment that begins with the sequence `first`.
    pub(crate) fn open(dir: &Path, first: u64, place: Place) -> Result<Self, JournalError> {
        let mut file = segment::open(dir, first)?;
        let path = segment::path(dir, first);
        file.seek(SeekFrom::Start(place.offset)).map_err(JournalError::io(&path, "read"))?;
        Ok(Self {
            dir: dir.to_owned(),
            segment: first,
            file,
            buffer: Vec::new(),
            taken: 0,
            offset: place.offset,
            next: place.sequence,
            flaw: None,
        })
    }

    /// The sequence of the next record.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Where in its segment it is.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The file it reads.
    pub(crate) fn path(&self) -> PathBuf {
        segment::path(&self.dir, self.segment)
    }

    /// What is behind the last record, if that is not the end: the last record is being written, or was torn.
    pub(crate) fn flaw(&self) -> Option<&str> {
        self.flaw.as_deref()
    }

    /// The next record of this segment or the one behind it; `None` at the end of what is there as yet.
    ///
    /// What is no record ends the last segment, and is an error in any other.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<Option<(Header, Range<usize>)>, JournalError> {
        loop {
            if let Some(found) = self.step()? {
                return Ok(Some(found));
            }
            let is_at_end = self.taken == self.buffer.len() && self.flaw.is_none();
            if !is_at_end || !self.open_next()? {
                return self.stop().map(|()| None);
            }
        }
    }

    /// The next record of this segment, if what comes is one.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<Option<(Header, Range<usize>)>, JournalError> {
        self.flaw = None;
        loop {
            match record::parse(&self.buffer[self.taken..]) {
                Parsed::Record(header) if header.sequence == self.next => {
                    let body = self.taken + HEADER..self.taken + header.size;
                    self.taken = body.end;
                    self.offset += header.size as u64;
                    self.next += 1;
                    return Ok(Some((header, body)));
                }
                Parsed::Record(header) => {
                    let (found, expected) = (header.sequence, self.next);
                    self.flaw = Some(format!("sequence {found}: expected {expected}"));
                    return Ok(None);
                }
                Parsed::Short(size) => {
                    if !self.fill(size)? {
                        let left = self.buffer.len() - self.taken;
                        self.flaw =
                            (left > 0).then(|| format!("{left} bytes of a record of {size}"));
                        return Ok(None);
                    }
                }
                Parsed::Flaw(why) => {
                    self.flaw = Some(why);
                    return Ok(None);
                }
            }
        }
    }

    /// The body that `step` has found.
    pub(crate) fn body(&self, body: Range<usize>) -> &[u8] {
        &self.buffer[body]
    }

    /// Nothing more is there. What was read and is no record (yet) is read anew next time.
    fn stop(&mut self) -> Result<(), JournalError> {
        let (path, offset) = (self.path(), self.offset);
        if let Some(why) = &self.flaw {
            let is_last = segment::list(&self.dir)?.last() == Some(&self.segment);
            if !is_last {
                return Err(JournalError::corrupt(&path, offset, why));
            }
        }
        self.buffer.clear();
        self.taken = 0;
        let back = self.file.seek(SeekFrom::Start(offset));
        back.map_err(JournalError::io(&path, "read"))?;
        Ok(())
    }

    /// Goes on in the segment behind this one, if it is there.
    fn open_next(&mut self) -> Result<bool, JournalError> {
        if self.next == self.segment || !segment::path(&self.dir, self.next).exists() {
            return Ok(false);
        }
        self.file = segment::open(&self.dir, self.next)?;
        self.segment = self.next;
        self.offset = segment::PREAMBLE as u64;
        Ok(true)
    }

    /// Reads until `size` bytes are there or more; `false` at the end of the file.
    fn fill(&mut self, size: usize) -> Result<bool, JournalError> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let missing = size.saturating_sub(self.buffer.len());
        let mut more = Read::take(&self.file, missing.max(CHUNK) as u64);
        let read = more.read_to_end(&mut self.buffer);
        match read {
            Ok(_) => Ok(self.buffer.len() >= size),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(JournalError::io(&self.path(), "read")(error)),
        }
    }
}
