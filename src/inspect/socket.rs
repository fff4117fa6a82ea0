//! The files of sockets: where they are, who may open them, and what becomes of those that are left.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::inspect::error::InspectError;

/// Where [`serve`](crate::inspect::Inspector::serve) makes its sockets: `stentor` in `XDG_RUNTIME_DIR`, or where that
/// is not set, `stentor-` and the user's id in the directory for temporary files.
pub fn directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty()) {
        Some(directory) => Path::new(&directory).join("stentor"),
        None => std::env::temp_dir().join(match own_user() {
            Some(user) => format!("stentor-{user}"),
            None => "stentor".to_owned(),
        }),
    }
}

/// The sockets that are there, by name. Their processes may have gone.
pub fn sockets() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(|path| is_socket(path)).collect();
    paths.sort();
    paths
}

/// The user's id, where the system says without being asked in C.
fn own_user() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|process| process.uid())
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// The path of this process's socket for an inspector of this name; its directory is there and safe.
pub(crate) fn own_path(name: &str) -> Result<PathBuf, InspectError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(1..=32).contains(&name.len()) || name.starts_with('.') || !name.bytes().all(is_plain) {
        return Err(InspectError::Name { found: name.to_owned() });
    }
    let directory = directory();
    make_directory(&directory)?;
    forget_the_gone(name);
    Ok(directory.join(format!("{name}-{}.sock", std::process::id())))
}

/// Removes sockets that processes of this name have left behind.
fn forget_the_gone(name: &str) {
    let is_of_name = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        stem.and_then(|stem| stem.rsplit_once('-')).is_some_and(|(of, _)| of == name)
    };
    for path in sockets().iter().filter(|path| is_of_name(path) && is_left(path)) {
        let _ = fs::remove_file(path);
    }
}

/// Whether nobody serves at a socket any more. (Sockets listen before they come to their places.)
fn is_left(path: &Path) -> bool {
    let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
    UnixStream::connect(path).err().is_some_and(refused)
}

/// Makes a directory that is the user's alone, or sees that it is.
fn make_directory(path: &Path) -> Result<(), InspectError> {
    let refused = |reason: String| InspectError::Directory { path: path.to_owned(), reason };
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refused(error.to_string())),
    }
    let found = fs::symlink_metadata(path).map_err(|error| refused(error.to_string()))?;
    let mode = found.mode() & 0o777;
    match own_user() {
        _ if !found.is_dir() => Err(refused("it is no directory".to_owned())),
        Some(user) if user != found.uid() => {
            Err(refused(format!("it belongs to user {}, and this is {user}", found.uid())))
        }
        _ if mode & 0o077 != 0 => Err(refused(format!("its mode is {mode:04o}"))),
        _ => Ok(()),
    }
}

/// The file of a socket, removed when this goes unless another has taken its place.
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Makes a socket that only its owner may open, and never for a moment anybody else: it is made in a directory
    /// that nobody else can enter, and moved from there.
    pub(crate) fn bind(path: &Path) -> Result<(Self, UnixListener), InspectError> {
        make_way(path)?;
        let failed = |source| InspectError::Serve { at: path.display().to_string(), source };
        // Whether it is short enough for clients.
        SocketAddr::from_pathname(path).map_err(failed)?;
        let nursery = nursery(path);
        // What a process of the same number may have left.
        let _ = fs::remove_dir_all(&nursery);
        DirBuilder::new().mode(0o700).create(&nursery).map_err(failed)?;
        let made = Self::bind_in(&nursery, path).map_err(failed);
        let _ = fs::remove_dir_all(&nursery);
        made
    }

    fn bind_in(nursery: &Path, path: &Path) -> io::Result<(Self, UnixListener)> {
        let made = nursery.join("s");
        let listener = UnixListener::bind(&made)?;
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        let identity = identity(&made)?;
        fs::rename(&made, path)?;
        Ok((Self { path: path.to_owned(), identity }, listener))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// A place beside `path` that nothing else has.
fn nursery(path: &Path) -> PathBuf {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{}-{number}", std::process::id()))
}

/// Sees that there is nothing at `path`, or a socket that nobody serves any more: that is replaced.
fn make_way(path: &Path) -> Result<(), InspectError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    if !is_socket(path) {
        return Err(InspectError::NotASocket { path: path.to_owned() });
    }
    if is_left(path) { Ok(()) } else { Err(InspectError::InUse { path: path.to_owned() }) }
}
