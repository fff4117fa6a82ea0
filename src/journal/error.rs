//! What can go wrong with a journal. Each error names the path, and what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bus::SubscribeError;
use crate::codec::{CodecError, WireError};
use crate::envelope::InvalidTopic;

/// A journal has not done what it was asked to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// What was chosen of it cannot be.
    Config {
        /// The field of [`JournalConfig`](crate::JournalConfig).
        field: &'static str,
        /// Its value.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The system has refused something.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Another process (or another `Journal` of this one) has it open.
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// There is no journal.
    NotFound {
        /// The directory.
        path: PathBuf,
    },
    /// It was written by a version that is not known here.
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// The newest that is known here.
        expected: u32,
    },
    /// What was on disk is not any more what was written.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is there.
        why: String,
    },
    /// Records are missing between two files.
    Gap {
        /// The file behind the gap.
        path: PathBuf,
        /// The sequence it should begin with.
        expected: u64,
        /// The one it begins with.
        found: u64,
    },
    /// These records have been deleted by the retention.
    Retired {
        /// The sequence that was asked for.
        wanted: u64,
        /// The oldest there is.
        oldest: u64,
    },
    /// A message is too long.
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The codec has no bytes for the message.
    Encode(CodecError),
    /// A record is whole, but no message here: another codec wrote it, say.
    Decode {
        /// Its sequence.
        sequence: u64,
        /// What is wrong with it.
        source: WireError,
    },
    /// A text is no topic pattern.
    Topic(InvalidTopic),
    /// It has failed before, and takes nothing more until it is opened anew.
    Failed(Arc<JournalError>),
    /// The stage could not be put on the bus.
    Stage(SubscribeError),
    /// The message (or another of that time) went on without being journalled: see
    /// [`OnFailure::GoOn`](crate::OnFailure::GoOn).
    Lost,
    /// The stage has ended: the broker is closed, or the stage was stopped.
    Ended,
}

impl JournalError {
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, why: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, why: why.into() }
    }
}

/// What to do where the system refuses.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; free space (or let the retention keep less), then open the journal again"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; expected a directory that this process may write"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "; expected a directory of the journal's own"
        }
        _ => "",
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { field, found, expected } => {
                write!(f, "{field} of {found}: expected {expected}")
            }
            Self::Io { path, doing, source } => {
                write!(f, "cannot {doing} {}: {source}{}", path.display(), advice(source))
            }
            Self::Locked { path } => write!(
                f,
                "{} is open already; close that journal first, or only read it",
                path.display()
            ),
            Self::NotFound { path } => {
                write!(f, "{} is no journal: expected a directory with segments", path.display())
            }
            Self::Version { path, found, expected } => write!(
                f,
                "{} is of version {found}: expected at most {expected}; update the program",
                path.display()
            ),
            Self::Corrupt { path, offset, why } => write!(
                f,
                "{} is corrupt at offset {offset}: {why}; restore it from a copy, or give up what is \
                 behind with `stentor journal verify --cut`",
                path.display()
            ),
            Self::Gap { path, expected, found } => write!(
                f,
                "{} begins with sequence {found}: expected {expected}; restore the file before it",
                path.display()
            ),
            Self::Retired { wanted, oldest } => {
                write!(f, "sequence {wanted} has been deleted: the oldest is {oldest}")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "a message of {size} bytes: expected at most {limit}")
            }
            Self::Encode(source) => write!(f, "the codec cannot encode the message: {source}"),
            Self::Decode { sequence, source } => write!(f, "record {sequence}: {source}"),
            Self::Topic(error) => error.fmt(f),
            Self::Failed(error) => write!(f, "the journal has failed: {error}"),
            Self::Stage(error) => error.fmt(f),
            Self::Lost => {
                f.write_str("the message may not be in the journal: some went on without")
            }
            Self::Ended => f.write_str("the journal's stage has ended"),
        }
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Encode(source) => Some(&**source),
            Self::Decode { source, .. } => Some(source),
            Self::Topic(error) => Some(error),
            Self::Stage(error) => Some(error),
            Self::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<InvalidTopic> for JournalError {
    fn from(error: InvalidTopic) -> Self {
        Self::Topic(error)
    }
}
