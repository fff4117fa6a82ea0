//! A directory for a journal, and what tests do with it.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use stentor::{Journal, JournalConfig, JournalError, MessageEnvelope, ReplayQuery};

/// A directory of its own, removed in the end.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("stentor-journal-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(fs::remove_dir_all(&path));
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The segment files, oldest first.
    pub fn segments(&self) -> Vec<PathBuf> {
        files(&self.0, "journal")
    }

    pub fn open(&self, config: JournalConfig) -> Result<Journal<u64>, JournalError> {
        Journal::open(&self.0, config)
    }

    /// The error that opening it is.
    pub fn refused(&self) -> String {
        self.open(JournalConfig::default()).expect_err("it should be refused").to_string()
    }

    /// A journal of these messages, closed.
    pub fn filled(messages: std::ops::Range<u64>, config: JournalConfig) -> Self {
        let dir = Self::new();
        let journal = dir.open(config).unwrap();
        append(&journal, messages);
        dir
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

/// The smallest segments there are.
pub fn small() -> JournalConfig {
    JournalConfig { segment_bytes: 4096, ..JournalConfig::default() }
}

pub fn append(journal: &Journal<u64>, messages: std::ops::Range<u64>) {
    for message in messages {
        journal.append(&MessageEnvelope::new(message)).unwrap();
    }
}

/// The messages that are wanted, once it is certain that their sequences are in order.
pub fn replayed(journal: &Journal<u64>, query: ReplayQuery) -> Vec<u64> {
    let replay = journal.replay(query).unwrap().map(Result::unwrap);
    let (sequences, messages): (Vec<_>, Vec<_>) =
        replay.map(|journalled| (journalled.sequence, journalled.envelope.message)).unzip();
    assert!(sequences.is_sorted_by(|a, b| a < b));
    messages
}

pub fn all(journal: &Journal<u64>) -> Vec<u64> {
    replayed(journal, ReplayQuery::new())
}

// ===== processes of their own =====

/// What the child of a test is told by.
const ROLE: &str = "STENTOR_JOURNAL_CHILD";

/// Runs the test of this name of this binary in another process, with something to tell it.
pub fn child(test: &str, told: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, told);
    command
}

/// What this process was told, if it is the child of a test.
pub fn told() -> Option<PathBuf> {
    std::env::var_os(ROLE).map(PathBuf::from)
}

/// Numbers without a pattern, and without a promise.
pub struct Random(pub u64);

impl Random {
    /// Seeded by the clock; says the seed, which the environment can set.
    pub fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let given = std::env::var("STENTOR_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or(now.as_nanos() as u64);
        println!("STENTOR_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
