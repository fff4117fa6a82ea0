//! Whatever is in its files, a journal is refused with an error, or is opened, read, and goes on.
//!
//! Checksums would let nearly nothing through, so they are made right for two of the three ways.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stentor::{
    Durability, Journal, JournalConfig, JournalReader, MessageEnvelope, ReplayQuery, cut_journal,
    verify_journal,
};

type Message = (Vec<Option<String>>, u64, bool);

/// A directory in memory, where there is one.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    root.join(format!("stentor-fuzz-{}", std::process::id()))
});

/// Makes the checksums of a segment right, as far as its lengths lead.
fn mend_segment(bytes: &mut [u8]) {
    const PREAMBLE: usize = 32;
    const HEADER: usize = 25;
    if bytes.len() < PREAMBLE {
        return;
    }
    bytes[..8].copy_from_slice(b"STNTRJNL");
    bytes[8..12].copy_from_slice(&1_u32.to_le_bytes());
    bytes[16..24].fill(0);
    let crc = crc32fast::hash(&bytes[16..PREAMBLE]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    let mut at = PREAMBLE;
    while let Some(header) = bytes.get_mut(at..at + HEADER) {
        // Short bodies, so that there are several.
        header[5..8].fill(0);
        let end = at + HEADER + usize::from(header[4]);
        if let Some(record) = bytes.get_mut(at..end) {
            let crc = crc32fast::hash(&record[4..]);
            record[..4].copy_from_slice(&crc.to_le_bytes());
        }
        at = end;
    }
}

/// Makes the checksum of an index right.
fn mend_index(bytes: &mut [u8]) {
    if bytes.len() >= 16 {
        bytes[..8].copy_from_slice(b"STNTRIDX");
        bytes[8..12].copy_from_slice(&1_u32.to_le_bytes());
        let crc = crc32fast::hash(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    }
}

fn read(dir: &Path) {
    let _ = verify_journal(dir, |_| {});
    if let Ok(reader) = JournalReader::open(dir) {
        let _ = (reader.stats(), reader.segments(), reader.is_open());
        if let Ok(records) = reader.records(ReplayQuery::new().with_dead_letters()) {
            records.take(1000).for_each(drop);
        }
    }
    let config = JournalConfig {
        durability: Durability::Os,
        segment_bytes: 4096,
        ..JournalConfig::default()
    };
    if let Ok(journal) = Journal::<Message>::open(dir, config) {
        let before = journal.stats().next;
        if let Ok(replay) = journal.replay(ReplayQuery::new()) {
            replay.take(1000).for_each(drop);
        }
        let envelope = MessageEnvelope::new((vec![Some("goes on".to_owned())], 1, true));
        // The sequence of the last record may be the last there is.
        if let Ok(sequence) = journal.append(&envelope) {
            assert_eq!(sequence, before);
            let query = ReplayQuery::new().from_sequence(sequence);
            let found = journal.replay(query).unwrap().next().unwrap().unwrap();
            assert_eq!(found.envelope, envelope);
        }
    }
    if cut_journal(dir).is_ok_and(|cut| cut.is_some()) {
        assert!(verify_journal(dir, |_| {}).unwrap().flaw.is_none());
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&way, bytes)) = input.split_first() else { return };
    let dir = &*DIRECTORY;
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir).unwrap();
    let (first, second) = (dir.join(format!("{:020}.journal", 0)), dir.join(format!("{:020}.journal", 1)));
    let mut bytes = bytes.to_owned();
    match way % 3 {
        0 => fs::write(first, bytes).unwrap(),
        1 => {
            mend_segment(&mut bytes);
            fs::write(first, bytes).unwrap();
        }
        _ => {
            mend_index(&mut bytes);
            let mut segment = vec![0; 200];
            mend_segment(&mut segment);
            fs::write(&first, &segment).unwrap();
            fs::write(first.with_extension("index"), bytes).unwrap();
            fs::write(second, segment).unwrap();
        }
    }
    read(dir);
    let _ = fs::remove_dir_all(dir);
});
