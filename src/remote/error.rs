//! What can go wrong between a broker and its server.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::codec::CodecError;

/// What went wrong between a broker and its server: the source of
/// [`BrokerError::Backend`](crate::BrokerError::Backend), and why a broker could not be connected.
#[derive(Debug)]
#[non_exhaustive]
pub enum RemoteError {
    /// Something in the configuration cannot be.
    Config {
        /// What.
        field: &'static str,
        /// What it is; never a secret.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The server refused who connected: a wrong user, password, token or key.
    Unauthorized(Box<dyn Error + Send + Sync>),
    /// The two could not agree on TLS: a certificate that is not trusted, say.
    Tls(Box<dyn Error + Send + Sync>),
    /// The server could not be reached.
    Connect(Box<dyn Error + Send + Sync>),
    /// There is no connection; the message was not sent.
    Disconnected {
        /// How long the publisher has waited for one.
        waited: Duration,
    },
    /// There is no connection, and no room where messages are kept until there is one: see
    /// [`Outage::Buffer`](crate::Outage::Buffer).
    BufferFull {
        /// How many messages are kept.
        messages: usize,
        /// How many bytes they have together, encoded.
        bytes: usize,
        /// How many bytes this message has.
        size: usize,
    },
    /// The connection was lost, or the server took too long, before it was known what became of the message: it
    /// may have been published, or not.
    Unconfirmed(Box<dyn Error + Send + Sync>),
    /// The message is larger than what may be sent.
    TooLarge {
        /// Its size, in bytes.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The codec has no bytes for the message.
    Encode(CodecError),
    /// The server refused: what it says.
    Refused(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { field, found, expected } => {
                write!(f, "{field} of {found:?}: expected {expected}")
            }
            Self::Unauthorized(source) => {
                write!(f, "the server refuses these credentials: {source}")
            }
            Self::Tls(source) => write!(f, "no TLS with the server: {source}"),
            Self::Connect(source) => write!(f, "the server cannot be reached: {source}"),
            Self::Disconnected { waited } => write!(f, "no connection (waited for {waited:?})"),
            Self::BufferFull { messages, bytes, size } => write!(
                f,
                "no connection, and no room for {size} bytes beside {messages} messages of {bytes} bytes"
            ),
            Self::Unconfirmed(source) => {
                write!(f, "it is not known whether the message was published: {source}")
            }
            Self::TooLarge { size, limit } => {
                write!(f, "a message of {size} bytes: expected at most {limit}")
            }
            Self::Encode(source) => write!(f, "the codec cannot encode the message: {source}"),
            Self::Refused(source) => write!(f, "the server refuses: {source}"),
        }
    }
}

impl Error for RemoteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unauthorized(source)
            | Self::Tls(source)
            | Self::Connect(source)
            | Self::Unconfirmed(source)
            | Self::Encode(source)
            | Self::Refused(source) => Some(&**source),
            Self::Config { .. }
            | Self::Disconnected { .. }
            | Self::BufferFull { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}
