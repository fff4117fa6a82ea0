//! What a crash or a broken disk leaves behind, and what the system refuses: nothing acknowledged is lost unseen, and each
//! error names the path and what to do.

mod journals;

use std::fs;
use std::path::Path;

use journals::{Dir, Random, all, append, small};
use stentor::{Durability, JournalConfig, JournalReader, MessageEnvelope, ReplayQuery};

/// A journal of ten messages in one segment, never forced to disk one by one.
fn ten(durability: Durability) -> (Dir, JournalConfig) {
    let config = JournalConfig { durability, ..JournalConfig::default() };
    (Dir::filled(0..10, config.clone()), config)
}

/// Where the records of the only segment begin, and the length of all.
fn offsets(dir: &Dir) -> Vec<usize> {
    let reader = JournalReader::open(dir.path()).unwrap();
    let records = reader.records(ReplayQuery::new()).unwrap().map(Result::unwrap);
    let mut offsets: Vec<_> = records.map(|record| record.offset as usize).collect();
    offsets.push(reader.stats().bytes as usize);
    offsets
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << (at % 8);
    fs::write(path, bytes).unwrap();
}

#[test]
fn truncated_at_every_byte_of_the_last_record_the_others_stay() {
    let (dir, config) = ten(Durability::EveryBatch);
    let (segment, offsets) = (dir.segments()[0].clone(), offsets(&dir));
    let whole = fs::read(&segment).unwrap();
    for length in offsets[9]..offsets[10] {
        fs::write(&segment, &whole[..length]).unwrap();
        let journal = dir.open(config.clone()).unwrap();
        assert_eq!(journal.recovery().cut, (length - offsets[9]) as u64);
        assert_eq!(all(&journal), (0..9).collect::<Vec<_>>());
        append(&journal, 9..11);
        assert_eq!(all(&journal), (0..11).collect::<Vec<_>>());
    }
}

#[test]
fn a_flipped_bit_before_what_was_on_disk_is_an_error_that_names_the_place() {
    let (dir, _) = ten(Durability::EveryBatch);
    let (segment, offsets) = (dir.segments()[0].clone(), offsets(&dir));
    let whole = fs::read(&segment).unwrap();
    for at in offsets[3]..offsets[8] {
        flip(&segment, at);
        let record = offsets.iter().rfind(|&&offset| offset <= at).unwrap();
        let error = dir.refused();
        let place = format!("{} is corrupt at offset {record}: ", segment.display());
        assert!(error.starts_with(&place), "{error}");
        assert!(error.ends_with("give up what is behind with `stentor journal verify --cut`"));
        assert_eq!(fs::read(&segment).unwrap().len(), whole.len(), "nothing is cut off");
        fs::write(&segment, &whole).unwrap();
    }
}

#[test]
fn a_flipped_bit_where_nothing_was_forced_to_disk_ends_the_journal_there() {
    let (dir, config) = ten(Durability::Os);
    let (segment, offsets) = (dir.segments()[0].clone(), offsets(&dir));
    let whole = fs::read(&segment).unwrap();
    for at in offsets[1]..offsets[10] {
        fs::write(&segment, &whole).unwrap();
        flip(&segment, at);
        let before = offsets.iter().filter(|&&offset| offset <= at).count() as u64 - 1;
        let journal = dir.open(config.clone()).unwrap();
        assert_eq!(all(&journal), (0..before).collect::<Vec<_>>());
        assert!(journal.recovery().cut > 0);
    }
}

#[test]
fn power_lost_at_any_time_takes_nothing_that_was_durable() {
    let mut random = Random::new();
    for _ in 0..200 {
        let dir = Dir::new();
        let config = JournalConfig { durability: Durability::Os, ..JournalConfig::default() };
        let journal = dir.open(config.clone()).unwrap();
        let durable = random.below(40);
        append(&journal, 0..durable);
        journal.sync().unwrap();
        let forced = journal.stats().bytes as usize;
        append(&journal, durable..durable + 200);
        drop(journal);
        // What was not forced to disk is there in part: sectors are as they were before, or the end is missing.
        let segment = dir.segments()[0].clone();
        let mut bytes = fs::read(&segment).unwrap();
        if random.below(2) == 0 {
            let unforced = bytes.len() - forced;
            bytes.truncate(forced + random.below(unforced as u64 + 1) as usize);
        }
        for sector in (0..bytes.len()).step_by(512) {
            if random.below(3) == 0 {
                let end = (sector + 512).min(bytes.len());
                bytes[sector.max(forced).min(end)..end].fill(0);
            }
        }
        fs::write(&segment, bytes).unwrap();
        let found = all(&dir.open(config).unwrap());
        assert!(found.len() as u64 >= durable);
        assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn a_segment_whose_making_was_cut_short_is_made_again() {
    let dir = Dir::filled(0..100, small());
    let last = dir.segments().pop().unwrap();
    let first: u64 = last.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    for length in [0, 1, 31] {
        fs::write(&last, &b"STNTRJNL\x01\0\0\0 and anything at all."[..length]).unwrap();
        let journal = dir.open(small()).unwrap();
        assert_eq!(all(&journal), (0..first).collect::<Vec<_>>());
        append(&journal, first..first + 1);
        assert_eq!(all(&journal), (0..=first).collect::<Vec<_>>());
    }
}

#[test]
fn an_older_segment_that_is_broken_is_an_error_with_and_without_its_index() {
    let dir = Dir::filled(0..300, small());
    let segment = &dir.segments()[2];
    flip(segment, 2000);
    let journal = dir.open(small()).unwrap();
    let found: Vec<_> = journal.replay(ReplayQuery::new()).unwrap().collect();
    let error = found.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} is corrupt at offset ", segment.display())), "{error}");
    // What is before it is replayed.
    assert!(found.len() > 50);
    drop(journal);
    fs::remove_file(segment.with_extension("index")).unwrap();
    assert!(dir.refused().starts_with(&format!("{} is corrupt at offset ", segment.display())));
}

#[test]
fn an_older_segment_that_is_cut_or_missing_is_an_error() {
    let dir = Dir::filled(0..300, small());
    let segments = dir.segments();
    let whole = fs::read(&segments[1]).unwrap();
    fs::write(&segments[1], &whole[..whole.len() - 1]).unwrap();
    assert!(dir.refused().contains(&format!("{} is corrupt", segments[1].display())));
    fs::remove_file(&segments[1]).unwrap();
    let error = dir.refused();
    let place = format!("{} begins with sequence ", segments[2].display());
    assert!(error.starts_with(&place) && error.ends_with("restore the file before it"), "{error}");
}

#[test]
fn a_newer_version_is_an_error_that_says_to_update() {
    let (dir, _) = ten(Durability::EveryBatch);
    let segment = &dir.segments()[0];
    let mut bytes = fs::read(segment).unwrap();
    bytes[8] = 2;
    fs::write(segment, bytes).unwrap();
    let expected = "is of version 2: expected at most 1; update the program";
    assert_eq!(dir.refused(), format!("{} {expected}", segment.display()));
}

#[test]
fn what_is_no_journal_is_an_error() {
    let dir = Dir::new();
    fs::write(dir.path(), "a file").unwrap();
    let error = dir.refused();
    assert!(error.contains(&dir.path().display().to_string()), "{error}");
    assert!(error.ends_with("expected a directory of the journal's own"), "{error}");
    fs::remove_file(dir.path()).unwrap();
    let error = JournalReader::open(dir.path()).unwrap_err().to_string();
    let expected = "is no journal: expected a directory with segments";
    assert_eq!(error, format!("{} {expected}", dir.path().display()));
}

#[test]
fn what_cannot_be_configured_is_an_error() {
    let dir = Dir::new();
    let refused = |config| dir.open(config).unwrap_err().to_string();
    let config = JournalConfig { segment_bytes: 100, ..JournalConfig::default() };
    assert_eq!(refused(config), "segment_bytes of 100: expected at least 4096");
    let durability = Durability::Interval(std::time::Duration::ZERO);
    let config = JournalConfig { durability, ..JournalConfig::default() };
    assert_eq!(refused(config), "durability of 0ns: expected 100 us to 60 s");
}

#[test]
fn what_another_codec_wrote_is_an_error_for_each_record_and_no_end() {
    let (dir, config) = ten(Durability::EveryBatch);
    let journal = stentor::Journal::<String>::open(dir.path(), config).unwrap();
    journal.append(&MessageEnvelope::new("a text".to_owned())).unwrap();
    let found: Vec<_> = journal.replay(ReplayQuery::new()).unwrap().collect();
    assert_eq!(found.len(), 11);
    assert!(found[10].is_ok());
}
