//! A file of records, and how it begins.
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `STNTRJNL` |
//! | 8..12 | version |
//! | 12..16 | CRC-32 of what follows |
//! | 16..24 | the sequence of its first record, which is also its name |
//! | 24..32 | when it was begun, nanoseconds since the Unix epoch |

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::envelope::Timestamp;
use crate::journal::error::JournalError;
use crate::journal::record::{u32_at, u64_at};

const MAGIC: &[u8; 8] = b"STNTRJNL";
/// The version that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 1;
/// Bytes before the first record.
pub(crate) const PREAMBLE: usize = 32;
const EXTENSION: &str = "journal";

/// The file whose first record has this sequence.
pub(crate) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{EXTENSION}"))
}

/// The first sequences of all segments, ascending.
pub(crate) fn list(dir: &Path) -> Result<Vec<u64>, JournalError> {
    let read = |error| JournalError::io(dir, "read the directory")(error);
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let first = stem.and_then(|stem| stem.parse::<u64>().ok());
            // Beyond that nobody has ever counted, and sums could overflow.
            firsts.extend(first.filter(|&first| first < u64::MAX / 2));
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Makes a new segment, on disk together with its name.
pub(crate) fn create(dir: &Path, first: u64, at: Timestamp) -> Result<File, JournalError> {
    let path = path(dir, first);
    let refused = |error| JournalError::io(&path, "create")(error);
    let mut file = File::options().append(true).create_new(true).open(&path).map_err(refused)?;
    let made = file.write_all(&preamble(first, at)).and_then(|()| file.sync_all());
    if let Err(error) = made.and_then(|()| sync_dir(dir)) {
        // Without records it is of no use, and in the way of the next try.
        drop(fs::remove_file(&path));
        return Err(refused(error));
    }
    Ok(file)
}

fn preamble(first: u64, at: Timestamp) -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&first.to_le_bytes());
    bytes[24..].copy_from_slice(&at.as_nanos().to_le_bytes());
    let crc = crc32fast::hash(&bytes[16..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Opens a segment to read it, behind its preamble.
pub(crate) fn open(dir: &Path, first: u64) -> Result<File, JournalError> {
    let path = path(dir, first);
    let mut file = File::open(&path).map_err(JournalError::io(&path, "open"))?;
    let mut bytes = Vec::with_capacity(PREAMBLE);
    let taken = (&mut file).take(PREAMBLE as u64).read_to_end(&mut bytes);
    taken.map_err(JournalError::io(&path, "read"))?;
    check(&path, &bytes, first)?;
    Ok(file)
}

/// Whether `bytes` are the preamble of the segment of this path.
fn check(path: &Path, bytes: &[u8], first: u64) -> Result<(), JournalError> {
    if bytes.len() < PREAMBLE {
        let why = format!("a preamble of {} bytes: expected {PREAMBLE}", bytes.len());
        return Err(JournalError::corrupt(path, 0, why));
    }
    if &bytes[..8] != MAGIC {
        return Err(JournalError::corrupt(path, 0, "it does not begin with STNTRJNL"));
    }
    let version = u32_at(bytes, 8);
    if version != VERSION {
        let path = path.to_owned();
        return Err(JournalError::Version { path, found: version, expected: VERSION });
    }
    let (found, expected) = (crc32fast::hash(&bytes[16..PREAMBLE]), u32_at(bytes, 12));
    if found != expected {
        let why = format!("the preamble's CRC is {found:#010x}: expected {expected:#010x}");
        return Err(JournalError::corrupt(path, 12, why));
    }
    let found = u64_at(bytes, 16);
    if found != first {
        let why = format!("its first sequence is {found}: expected {first}, its name");
        return Err(JournalError::corrupt(path, 16, why));
    }
    Ok(())
}

/// Makes sure that the names of the files in it are on disk.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Elsewhere directories cannot be opened, and need not be.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
