//! The side that looks.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::inspect::connection::{REQUEST, Stream};
use crate::inspect::error::InspectError;
use crate::inspect::snapshot::Snapshot;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer in bytes: no process makes this one run out of memory.
const LONGEST: u64 = 64 << 20;

/// Asks a process that serves snapshots: see the [module](crate::inspect).
pub struct Client {
    at: String,
    stream: BufReader<Box<dyn Stream>>,
}

/// An answer that is no snapshot.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// What every answer has.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

impl Client {
    /// Connects to the socket at this path.
    ///
    /// # Errors
    /// Nothing serves there, or it may not be opened.
    #[cfg(unix)]
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, InspectError> {
        let at = path.as_ref().display().to_string();
        let failed = |source| InspectError::Connect { at: at.clone(), source };
        let stream = UnixStream::connect(&path).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        Ok(Self::new(at, stream))
    }

    /// Connects to this address.
    ///
    /// # Errors
    /// Nothing serves there.
    pub fn connect_tcp(address: SocketAddr) -> Result<Self, InspectError> {
        let at = address.to_string();
        let failed = |source| InspectError::Connect { at: at.clone(), source };
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        Ok(Self::new(at, stream))
    }

    fn new(at: String, stream: impl Stream + 'static) -> Self {
        Self { at, stream: BufReader::new(Box::new(stream)) }
    }

    /// A snapshot that this client has not had. Waits for one, for less than a second unless the process is busy.
    ///
    /// # Errors
    /// The process is gone, does not answer, or answers with something else.
    pub fn snapshot(&mut self) -> Result<Snapshot, InspectError> {
        let answer = self.ask();
        let line = answer.map_err(|source| InspectError::Connection { at: self.at(), source })?;
        if let Ok(Refusal { error }) = serde_json::from_slice(&line) {
            return Err(InspectError::Refused { at: self.at(), reason: error });
        }
        self.read(&line)
    }

    fn at(&self) -> String {
        self.at.clone()
    }

    /// Sends a request; the line that comes back.
    fn ask(&mut self) -> io::Result<Vec<u8>> {
        // Told even if it has been sent away already: the reason is there to be read.
        let asked = self.stream.get_mut().write_all(&[REQUEST, b"\n"].concat());
        let mut line = Vec::new();
        (&mut self.stream).take(LONGEST).read_until(b'\n', &mut line)?;
        match line.last() {
            Some(b'\n') => Ok(line),
            Some(_) if line.len() as u64 == LONGEST => {
                Err(io::Error::new(ErrorKind::InvalidData, "an answer of more than 64 MiB"))
            }
            _ => Err(asked.err().unwrap_or(ErrorKind::UnexpectedEof.into())),
        }
    }

    fn read(&self, line: &[u8]) -> Result<Snapshot, InspectError> {
        let malformed = |error: serde_json::Error| InspectError::Malformed {
            at: self.at(),
            reason: error.to_string(),
        };
        let Head { version } = serde_json::from_slice(line).map_err(malformed)?;
        if version != Snapshot::VERSION {
            return Err(InspectError::Version { at: self.at(), found: version });
        }
        serde_json::from_slice(line).map_err(malformed)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("at", &self.at).finish_non_exhaustive()
    }
}
