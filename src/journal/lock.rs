//! One writer at a time, in any process.

use std::fs::File;
use std::io;
use std::path::Path;

use fs4::{FileExt, TryLockError};

use crate::journal::error::JournalError;

/// The lock of a journal's directory. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    const NAME: &str = "lock";

    /// Takes the lock, and never waits.
    pub(crate) fn take(dir: &Path) -> Result<Self, JournalError> {
        let path = dir.join(Self::NAME);
        let opened = File::options().write(true).create(true).truncate(false).open(&path);
        Self::on(opened.map_err(JournalError::io(&path, "open"))?, dir, &path)
    }

    /// Whether it could be taken; makes no file.
    pub(crate) fn probe(dir: &Path) -> Result<(), JournalError> {
        let path = dir.join(Self::NAME);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            opened => {
                Self::on(opened.map_err(JournalError::io(&path, "open"))?, dir, &path).map(drop)
            }
        }
    }

    fn on(file: File, dir: &Path, path: &Path) -> Result<Self, JournalError> {
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(JournalError::io(path, "lock")(error)),
        }
    }
}
