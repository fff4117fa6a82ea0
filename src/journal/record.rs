//! One record as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | CRC-32 of all that follows |
//! | 4..8 | length of the body |
//! | 8..16 | sequence |
//! | 16..24 | when it was journalled, nanoseconds since the Unix epoch |
//! | 24 | kind; the upper bit says that all before it was on disk when it was written |
//! | 25.. | the body |
//!
//! Numbers are little-endian. The body of a message is its frame (`docs/wire.md`); of a dead letter the length of the
//! reason (2 bytes), the reason, and the frame; of a withdrawal the sequence of what is withdrawn (8 bytes).

use crate::envelope::Timestamp;

/// Bytes before the body.
pub(crate) const HEADER: usize = 25;
/// The longest body.
pub(crate) const MOST_BODY: usize = 64 << 20;
/// All before this record was on disk when it was written.
const SYNCED: u8 = 0x80;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message = 1,
    DeadLetter = 2,
    Withdrawal = 3,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Message, Self::DeadLetter, Self::Withdrawal]
            .into_iter()
            .find(|kind| *kind as u8 == byte & !SYNCED)
    }
}

/// What is known of a record besides its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    /// Bytes of the whole record.
    pub(crate) size: usize,
}

/// What begins at some place of a segment.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A record.
    Record(Header),
    /// Not all of one: it has so many bytes.
    Short(usize),
    /// None.
    Flaw(String),
}

/// Fills in the header of the record that `bytes` are, whose body is there already.
pub(crate) fn seal(bytes: &mut [u8], sequence: u64, at: Timestamp, kind: Kind, synced: bool) {
    let length = (bytes.len() - HEADER) as u32;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..16].copy_from_slice(&sequence.to_le_bytes());
    bytes[16..24].copy_from_slice(&at.as_nanos().to_le_bytes());
    bytes[24] = kind as u8 | if synced { SYNCED } else { 0 };
    let crc = crc32fast::hash(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
}

/// The record that `bytes` begin with.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let Some((header, _)) = bytes.split_at_checked(HEADER) else {
        return Parsed::Short(HEADER);
    };
    let body = u32_at(header, 4) as usize;
    if body > MOST_BODY {
        return Parsed::Flaw(format!("a body of {body} bytes: expected at most {MOST_BODY}"));
    }
    let Some(kind) = Kind::of(header[24]) else {
        return Parsed::Flaw(format!("kind {:#04x}: expected 1 to 3", header[24] & !SYNCED));
    };
    let size = HEADER + body;
    let Some(record) = bytes.get(..size) else { return Parsed::Short(size) };
    let (found, expected) = (crc32fast::hash(&record[4..]), u32_at(header, 0));
    if found != expected {
        return Parsed::Flaw(format!("its CRC is {found:#010x}: expected {expected:#010x}"));
    }
    let (sequence, at) = (u64_at(header, 8), Timestamp::from_nanos(u64_at(header, 16)));
    Parsed::Record(Header { sequence, at, kind, size })
}

/// Where in `bytes` the first record of a sequence from `least` on begins that says that all before it was on
/// disk.
pub(crate) fn find_synced(bytes: &[u8], least: u64) -> Option<usize> {
    let most = least + (bytes.len() / HEADER) as u64 + 1;
    (0..bytes.len().saturating_sub(HEADER)).find(|&place| {
        let candidate = &bytes[place..];
        // The sequence first: it rules nearly every place out, and a CRC takes time.
        (least..=most).contains(&u64_at(candidate, 8))
            && candidate[24] & SYNCED != 0
            && matches!(parse(candidate), Parsed::Record(_))
    })
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
