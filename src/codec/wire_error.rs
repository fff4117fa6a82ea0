//! What is wrong with what came over the wire.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::codec::CodecError;
use crate::envelope::InvalidTopic;

/// What came over the wire is no message, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum WireError {
    /// It is larger than what is accepted.
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// It does not begin as messages do.
    NotAFrame {
        /// Its first byte, if it has one.
        found: Option<u8>,
    },
    /// It is of a version that is not known here.
    Version {
        /// What it says.
        found: String,
    },
    /// Some of its flags are not known here.
    Flags {
        /// All of them.
        found: u16,
    },
    /// It ends too early.
    Truncated {
        /// What should have come.
        field: &'static str,
        /// How many bytes that has.
        needed: usize,
        /// How many there were.
        found: usize,
    },
    /// It goes on behind its end.
    Trailing {
        /// For so many bytes.
        bytes: usize,
    },
    /// A field that every message has is missing.
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has a value that it cannot have.
    Value {
        /// The field.
        field: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Its topic is none.
    Topic(InvalidTopic),
    /// It was encoded by another codec.
    Codec {
        /// The one it names.
        found: String,
        /// The one that is used here.
        expected: &'static str,
    },
    /// The codec cannot decode its payload.
    Payload {
        /// How many bytes it has.
        size: usize,
        /// What the codec says.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl WireError {
    pub(crate) fn payload(size: usize, source: CodecError) -> Self {
        Self::Payload { size, source: Arc::from(source) }
    }

    /// An id whose upper half is 0.
    pub(crate) fn id(field: &'static str, found: impl fmt::Display) -> Self {
        let expected = "32 hexadecimal digits, not all of the first 16 zero";
        Self::Value { field, found: found.to_string(), expected }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(f, "a message of {size} bytes: expected at most {limit}")
            }
            Self::NotAFrame { found: Some(found) } => {
                write!(f, "the first byte is {found:#04x}: expected 0x53")
            }
            Self::NotAFrame { found: None } => f.write_str("there are no bytes at all"),
            Self::Version { found } => write!(f, "version {found:?}: expected \"1\""),
            Self::Flags { found } => write!(f, "unknown flags in {found:#06x}"),
            Self::Truncated { field, needed, found } => {
                write!(f, "{found} bytes left for the {field}: expected {needed}")
            }
            Self::Trailing { bytes } => write!(f, "{bytes} bytes behind the end"),
            Self::Missing { field } => write!(f, "no {field}"),
            Self::Value { field, found, expected } => {
                write!(f, "the {field} is {found:?}: expected {expected}")
            }
            Self::Topic(error) => error.fmt(f),
            Self::Codec { found, expected } => write!(f, "codec {found:?}: expected {expected:?}"),
            Self::Payload { size, .. } => write!(f, "a payload of {size} bytes is no message"),
        }
    }
}

impl Error for WireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Payload { source, .. } => Some(&**source),
            Self::Topic(error) => Some(error),
            _ => None,
        }
    }
}
