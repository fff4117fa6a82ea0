//! What is known of a segment without reading it: where its records are, and which of them count no more.
//!
//! Kept in memory for the segment that is written, and beside each older one in a file of its own (`.index`), which is
//! made again from the segment where it is missing or broken.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::envelope::Timestamp;
use crate::journal::error::JournalError;
use crate::journal::record::{Header, Kind, u32_at, u64_at};
use crate::journal::segment::PREAMBLE;

const MAGIC: &[u8; 8] = b"STNTRIDX";
const VERSION: u32 = 1;
/// Bytes of an index before its entries.
const FIXED: usize = 64;
/// A place is noted every so many bytes.
const STEP: u64 = 64 << 10;

/// Where a record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) offset: u64,
}

/// What is known of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The sequence of its first record.
    pub(crate) first: u64,
    /// The sequence behind its last record.
    pub(crate) next: u64,
    /// Its length, in bytes.
    pub(crate) bytes: u64,
    /// When its last record was journalled.
    pub(crate) last_at: Option<Timestamp>,
    /// Some of its records, the first among them.
    places: Vec<Place>,
    /// The sequences that its withdrawals withdraw: in this segment or an older one.
    pub(crate) withdrawn: Vec<u64>,
}

impl Summary {
    /// Of a segment without records.
    pub(crate) fn new(first: u64) -> Self {
        let (bytes, places, withdrawn) = (PREAMBLE as u64, Vec::new(), Vec::new());
        Self { first, next: first, bytes, last_at: None, places, withdrawn }
    }

    /// How many records it has.
    pub(crate) fn records(&self) -> u64 {
        self.next - self.first
    }

    /// When its first record was journalled.
    pub(crate) fn first_at(&self) -> Option<Timestamp> {
        self.places.first().map(|place| place.at)
    }

    /// A record has been added at its end.
    pub(crate) fn add(&mut self, header: &Header, body: &[u8]) {
        let Header { sequence, at, .. } = *header;
        let is_due = self.places.last().is_none_or(|last| self.bytes - last.offset >= STEP);
        if is_due {
            self.places.push(Place { sequence, at, offset: self.bytes });
        }
        if header.kind == Kind::Withdrawal && body.len() == 8 {
            self.withdrawn.push(u64_at(body, 0));
        }
        self.next = sequence + 1;
        self.bytes += header.size as u64;
        self.last_at = Some(at);
    }

    /// The last noted place before the first record that is `wanted`, where all behind it are as well; its
    /// beginning if there is none.
    pub(crate) fn before(&self, wanted: impl Fn(&Place) -> bool) -> Place {
        let behind = self.places.partition_point(|place| !wanted(place));
        let start =
            Place { sequence: self.first, at: Timestamp::from_nanos(0), offset: PREAMBLE as u64 };
        behind.checked_sub(1).map_or(start, |last| self.places[last])
    }

    // ===== on disk =====

    /// The index beside a segment.
    pub(crate) fn path(segment: &Path) -> PathBuf {
        segment.with_extension("index")
    }

    /// Writes the index. Without it the segment is read again when the journal is opened, so it is not forced to
    /// disk: one that is torn is made again.
    pub(crate) fn write(&self, segment: &Path) -> Result<(), JournalError> {
        let path = Self::path(segment);
        let mut bytes = vec![0; FIXED];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let last_at = self.last_at.map_or(0, Timestamp::as_nanos);
        let counts = [self.places.len() as u64, self.withdrawn.len() as u64];
        let numbers = [self.first, self.next, self.bytes, last_at, counts[0], counts[1]];
        for (field, number) in bytes[16..].chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_le_bytes());
        }
        for place in &self.places {
            bytes.extend(place.sequence.to_le_bytes());
            bytes.extend(place.at.as_nanos().to_le_bytes());
            bytes.extend(place.offset.to_le_bytes());
        }
        bytes.extend(self.withdrawn.iter().flat_map(|sequence| sequence.to_le_bytes()));
        let crc = crc32fast::hash(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        let written = File::create(&path).and_then(|mut file| file.write_all(&bytes));
        written.map_err(JournalError::io(&path, "write"))
    }

    /// Reads the index; `None` if there is none, or it is not that of this segment as it is now.
    pub(crate) fn read(segment: &Path, first: u64) -> Option<Self> {
        let bytes = fs::read(Self::path(segment)).ok()?;
        let known = bytes.len() >= FIXED && &bytes[..8] == MAGIC && u32_at(&bytes, 8) == VERSION;
        if !known || crc32fast::hash(&bytes[16..]) != u32_at(&bytes, 12) {
            return None;
        }
        let field = |index: usize| u64_at(&bytes, 16 + 8 * index);
        let (places, withdrawn) = (field(4) as usize, field(5) as usize);
        let places_end = places.checked_mul(24)?.checked_add(FIXED)?;
        let end = withdrawn.checked_mul(8)?.checked_add(places_end)?;
        let is_whole = end == bytes.len() && field(0) == first && field(0) <= field(1);
        if !is_whole || field(2) != fs::metadata(segment).ok()?.len() {
            return None;
        }
        let places = bytes[FIXED..places_end].chunks_exact(24).map(|place| Place {
            sequence: u64_at(place, 0),
            at: Timestamp::from_nanos(u64_at(place, 8)),
            offset: u64_at(place, 16),
        });
        Some(Self {
            first,
            next: field(1),
            bytes: field(2),
            last_at: (field(3) != 0).then(|| Timestamp::from_nanos(field(3))),
            places: places.collect(),
            withdrawn: bytes[places_end..].chunks_exact(8).map(|at| u64_at(at, 0)).collect(),
        })
    }
}
