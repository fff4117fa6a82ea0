//! Where snapshots come from.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use stentor::inspect::{self, Client, InspectError, Snapshot};

use crate::top::demo::Demo;

/// Where snapshots come from.
pub enum Feed {
    /// A process.
    Client(Client),
    /// A load in this process.
    Demo(Box<Demo>),
}

impl Feed {
    pub fn at_path(path: &Path) -> Result<Self, String> {
        Client::connect(path).map(Self::Client).map_err(|error| explained(&error))
    }

    pub fn at_address(address: SocketAddr) -> Result<Self, String> {
        Client::connect_tcp(address).map(Self::Client).map_err(|error| explained(&error))
    }

    /// The process of this name or pid, or the only one there is.
    pub fn found(name: Option<&str>) -> Result<Self, String> {
        let directory = inspect::directory();
        let all = inspect::sockets();
        let wanted: Vec<_> =
            all.iter().filter(|path| name.is_none_or(|name| is_called(path, name))).collect();
        // Those of processes that have gone are left out.
        let mut served =
            wanted.iter().filter_map(|path| Some((*path, Client::connect(path).ok()?)));
        match (served.next(), served.next()) {
            (Some((_, client)), None) => Ok(Self::Client(client)),
            (Some(_), Some(_)) => Err(several(&wanted)),
            (None, _) => Err(nothing(&directory, name)),
        }
    }

    /// The next snapshot.
    pub fn next(&mut self) -> Result<Snapshot, InspectError> {
        match self {
            Self::Client(client) => client.snapshot(),
            Self::Demo(demo) => Ok(demo.snapshot()),
        }
    }

    /// Takes snapshots on a thread of its own, so that one that is late holds up no key.
    pub fn stream(mut self, every: Duration) -> Receiver<Result<Snapshot, String>> {
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::spawn(move || {
            loop {
                let next = self.next().map_err(|error| error.to_string());
                let is_over = next.is_err();
                if sender.send(next).is_err() || is_over {
                    return;
                }
                thread::sleep(every);
            }
        });
        receiver
    }
}

/// Whether a socket is that of an inspector of this name, or of a process of this id.
fn is_called(path: &Path, name: &str) -> bool {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { return false };
    stem == name || stem.rsplit_once('-').is_some_and(|(of, pid)| of == name || pid == name)
}

// ===== what is wrong =====

const HINT: &str = "\
a process can be looked at if it is built with the feature `inspect` of the crate and calls
`Inspector::serve`; see the page \"Looking into a process\" of the book. `stentor top --demo` needs no process.";

fn explained(error: &InspectError) -> String {
    format!("{error}\n{HINT}")
}

fn nothing(directory: &Path, name: Option<&str>) -> String {
    let what =
        name.map_or("no process serves".into(), |name| format!("no process {name:?} serves"));
    format!("{what} in {}: expected NAME-PID.sock there\n{HINT}", directory.display())
}

fn several(paths: &[&PathBuf]) -> String {
    let names = paths.iter().filter_map(|path| path.file_stem()?.to_str());
    let names: Vec<_> = names.map(|name| format!("\n  stentor top {name}")).collect();
    format!("there are several processes: which one?{}", names.concat())
}
