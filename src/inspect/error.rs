//! What can go wrong with looking on.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::inspect::snapshot::Snapshot;

/// Why a process cannot be looked into.
#[derive(Debug)]
#[non_exhaustive]
pub enum InspectError {
    /// The inspector's name cannot be that of a file.
    Name {
        /// The name.
        found: String,
    },
    /// Another process serves at this path.
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// There is something at the path that is no socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Others may get into the directory of the sockets.
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address is one that other machines may reach.
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The socket cannot be made.
    Serve {
        /// The path or address.
        at: String,
        /// Why not.
        source: io::Error,
    },
    /// Nothing serves there.
    Connect {
        /// The path or address.
        at: String,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke.
    Connection {
        /// The path or address.
        at: String,
        /// How.
        source: io::Error,
    },
    /// The process does not answer: what it said instead.
    Refused {
        /// The path or address.
        at: String,
        /// What it said.
        reason: String,
    },
    /// What came is no snapshot.
    Malformed {
        /// The path or address.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The process uses another version of the wire form.
    Version {
        /// The path or address.
        at: String,
        /// Its version.
        found: u32,
    },
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { found } => write!(
                f,
                "{found:?} is no name for an inspector: expected 1 to 32 letters, digits, '-', '_' and '.', not first"
            ),
            Self::InUse { path } => {
                write!(f, "{} is in use: another process serves there", path.display())
            }
            Self::NotASocket { path } => write!(
                f,
                "{} is there and is no socket: expected nothing, or a socket that nobody serves",
                path.display()
            ),
            Self::Directory { path, reason } => write!(
                f,
                "{} is no place for a socket: {reason}, expected a directory of the user's own with mode 0700",
                path.display()
            ),
            Self::NotLoopback { address } => {
                write!(f, "{address} may be reached by others: expected a loopback address")
            }
            Self::Serve { at, source } => write!(f, "cannot serve at {at}: {source}"),
            Self::Connect { at, source } => write!(f, "nothing serves at {at}: {source}"),
            Self::Connection { at, source } => {
                write!(f, "the connection to {at} broke: {source}")
            }
            Self::Refused { at, reason } => write!(f, "{at} does not answer: {reason}"),
            Self::Malformed { at, reason } => write!(f, "{at} answers with no snapshot: {reason}"),
            Self::Version { at, found } => write!(
                f,
                "{at} serves version {found} of the wire form: expected {}",
                Snapshot::VERSION
            ),
        }
    }
}

impl Error for InspectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Serve { source, .. }
            | Self::Connect { source, .. }
            | Self::Connection { source, .. } => Some(source),
            _ => None,
        }
    }
}
