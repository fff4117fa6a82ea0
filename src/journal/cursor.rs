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
        match self.step()? {
            Some(found) => Ok(Some(found)),
            None => self.advance_slowly(),
        }
    }

    /// There was no record: it is the end of the segment, or of all.
    #[inline(never)]
    fn advance_slowly(&mut self) -> Result<Option<(Header, Range<usize>)>, JournalError> {
        let mut is_complete = false;
        loop {
            if self.is_at_end() && self.open_next()? {
                is_complete = false;
            } else if is_complete {
                return Err(self.broken_off()?);
            } else {
                self.rewind()?;
                if !self.has_successor()? {
                    return Ok(None);
                }
                // What belongs to this segment was there before the next was begun; now it is to be seen.
                is_complete = true;
            }
            if let Some(found) = self.step()? {
                return Ok(Some(found));
            }
        }
    }

    fn is_at_end(&self) -> bool {
        self.taken == self.buffer.len() && self.flaw.is_none()
    }

    /// Whether there is a segment behind this one.
    fn has_successor(&self) -> Result<bool, JournalError> {
        Ok(segment::list(&self.dir)?.last() > Some(&self.segment))
    }

    /// Why the records behind this place are not there, although there are later ones.
    fn broken_off(&self) -> Result<JournalError, JournalError> {
        if let Some(why) = &self.flaw {
            return Ok(JournalError::corrupt(&self.path(), self.offset, why));
        }
        let firsts = segment::list(&self.dir)?;
        let oldest = firsts.into_iter().find(|&first| first > self.segment);
        Ok(JournalError::Retired { wanted: self.next, oldest: oldest.unwrap_or(self.next) })
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

    /// What was read and is no record (yet) is read anew next time.
    fn rewind(&mut self) -> Result<(), JournalError> {
        self.buffer.clear();
        self.taken = 0;
        let back = self.file.seek(SeekFrom::Start(self.offset));
        back.map(drop).map_err(JournalError::io(&self.path(), "read"))
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
