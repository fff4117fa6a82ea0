//! Why a bridge could not be built.

use std::error::Error;
use std::fmt;

use crate::broker::BoxError;
use crate::envelope::{InvalidTopic, Origin};

/// A bridge could not be built as it was configured.
#[derive(Debug)]
#[non_exhaustive]
pub enum BridgeError {
    /// A text is no topic pattern.
    Pattern(InvalidTopic),
    /// The same pattern is exported (or imported) twice.
    Twice {
        /// The pattern.
        pattern: String,
    },
    /// The same pattern is exported and imported: `share` says that it is meant so.
    BothWays {
        /// The pattern.
        pattern: String,
    },
    /// Nothing is exported, and nothing imported.
    NoPatterns,
    /// So many messages cannot be in flight.
    InFlight(usize),
    /// The local broker is closed.
    Closed,
    /// Too many brokers of this process have had bridges.
    TooManyOrigins,
    /// The remote broker did not make the subscription; the source says why.
    Subscribe(BoxError),
}

impl fmt::Display for BridgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(error) => error.fmt(f),
            Self::Twice { pattern } => {
                write!(f, "the pattern {pattern:?} is there twice: expected once")
            }
            Self::BothWays { pattern } => write!(
                f,
                "the pattern {pattern:?} is exported and imported: expected `share({pattern:?})` if both are meant"
            ),
            Self::NoPatterns => {
                f.write_str("nothing to export or import: expected at least one pattern")
            }
            Self::InFlight(given) => write!(f, "in_flight of {given}: expected at least 1"),
            Self::Closed => f.write_str("the local broker is closed"),
            Self::TooManyOrigins => {
                write!(f, "{} brokers of this process have had bridges: no more can", Origin::MOST)
            }
            Self::Subscribe(error) => write!(f, "the remote broker refuses to subscribe: {error}"),
        }
    }
}

impl Error for BridgeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Pattern(error) => Some(error),
            Self::Subscribe(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<InvalidTopic> for BridgeError {
    fn from(error: InvalidTopic) -> Self {
        Self::Pattern(error)
    }
}
