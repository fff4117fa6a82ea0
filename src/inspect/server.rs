//! The thread that serves clients: it takes turns with them, and waits for none.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::inspect::connection::{Connection, Stream};
use crate::inspect::error::InspectError;
use crate::inspect::inspector::Shared;
use crate::inspect::limits::Limits;
#[cfg(unix)]
use crate::inspect::socket::SocketFile;

/// Between two looks at the clients.
const PAUSE: Duration = Duration::from_millis(10);
/// The same while one is in the middle of its answer.
const SHORT_PAUSE: Duration = Duration::from_millis(1);
/// Between two looks for clients while there are none.
const LONG_PAUSE: Duration = Duration::from_millis(100);

/// Serves snapshots until it is dropped.
#[must_use = "it serves until it is dropped"]
pub struct Server {
    /// Where it serves.
    at: String,
    /// The address, unless it is a path.
    address: Option<SocketAddr>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    #[cfg(unix)]
    file: Option<SocketFile>,
}

impl Server {
    #[cfg(unix)]
    pub(crate) fn at_path(
        path: &Path,
        shared: &Arc<Shared>,
        limits: Limits,
    ) -> Result<Self, InspectError> {
        let at = path.display().to_string();
        let (file, listener) = SocketFile::bind(path)?;
        let listener = Box::new(listener) as Box<dyn Listener>;
        let mut server = Self::start(at, listener, shared, limits)?;
        server.file = Some(file);
        Ok(server)
    }

    pub(crate) fn at_address(
        address: SocketAddr,
        shared: &Arc<Shared>,
        limits: Limits,
    ) -> Result<Self, InspectError> {
        if !address.ip().is_loopback() {
            return Err(InspectError::NotLoopback { address });
        }
        let failed = |source| InspectError::Serve { at: address.to_string(), source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut server = Self::start(address.to_string(), Box::new(listener), shared, limits)?;
        server.address = Some(address);
        Ok(server)
    }

    fn start(
        at: String,
        listener: Box<dyn Listener>,
        shared: &Arc<Shared>,
        limits: Limits,
    ) -> Result<Self, InspectError> {
        let failed = |source| InspectError::Serve { at: at.clone(), source };
        listener.never_wait().map_err(failed)?;
        let (shared, is_over) = (Arc::clone(shared), Arc::new(AtomicBool::new(false)));
        let desk = Desk { listener, shared, limits, connections: Vec::new() };
        let thread = thread::Builder::new().name("stentor-inspect".into());
        let thread = thread.spawn({
            let is_over = Arc::clone(&is_over);
            move || desk.run(&is_over)
        });
        let thread = Some(thread.map_err(failed)?);
        Ok(Self {
            at,
            address: None,
            is_over,
            thread,
            #[cfg(unix)]
            file: None,
        })
    }

    /// Where it serves: the path of its socket, or its address.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Its address, if it serves at one: with the port that it was given where 0 was asked for.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Server {
    /// Cuts all clients off, and removes the socket.
    fn drop(&mut self) {
        // Relaxed: nothing else is told by it.
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Where clients come from.
trait Listener: Send {
    /// From now on, nothing waits.
    fn never_wait(&self) -> io::Result<()>;

    /// The next client, and never waits for it.
    fn accept(&self) -> io::Result<Box<dyn Stream>>;
}

#[cfg(unix)]
impl Listener for UnixListener {
    fn never_wait(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let (stream, _) = UnixListener::accept(self)?;
        stream.set_nonblocking(true)?;
        Ok(Box::new(stream))
    }
}

impl Listener for TcpListener {
    fn never_wait(&self) -> io::Result<()> {
        self.set_nonblocking(true)
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let (stream, _) = TcpListener::accept(self)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

/// Where clients are served.
struct Desk {
    listener: Box<dyn Listener>,
    shared: Arc<Shared>,
    limits: Limits,
    connections: Vec<Connection>,
}

impl Desk {
    fn run(mut self, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.accept();
            let Self { shared, limits, connections, .. } = &mut self;
            connections.retain_mut(|connection| connection.turn(shared, limits).is_ok());
            thread::park_timeout(self.pause());
        }
    }

    fn pause(&self) -> Duration {
        match &self.connections[..] {
            [] => LONG_PAUSE,
            some if some.iter().any(Connection::is_answering) => SHORT_PAUSE,
            _ => PAUSE,
        }
    }

    /// Lets clients in, a few at a time: one that comes again and again costs no more than that.
    fn accept(&mut self) {
        for _ in 0..self.limits.connections {
            let Ok(stream) = self.listener.accept() else { return };
            let mut connection = Connection::new(stream, &self.limits);
            if self.connections.len() < self.limits.connections {
                self.connections.push(connection);
                continue;
            }
            let open = self.connections.len();
            let reason = format!("{open} clients look on already, which is the limit");
            connection.refuse(&reason, &self.limits);
            // What does not fit in its buffer now, it does not get.
            let _ = connection.turn(&self.shared, &self.limits);
        }
    }
}
