//! Real servers for tests: each on a free port of the loopback interface, with a directory of its own, gone when
//! it is dropped.

#![allow(dead_code, reason = "each test uses some of it")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// After so long a server that does not answer is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Nats,
    Redis,
}

/// A server, and all that is needed to start it again.
pub struct Server {
    kind: Kind,
    port: u16,
    directory: PathBuf,
    options: Vec<String>,
    process: Option<Child>,
}

impl Server {
    /// `nats-server` with JetStream; its data survives a restart.
    pub fn nats() -> Self {
        Self::nats_with("")
    }

    /// The same, with more lines of its configuration.
    pub fn nats_with(configuration: &str) -> Self {
        Self::nats_of(configuration, "")
    }

    /// `nats-server` whose JetStream may have so many bytes on disk.
    pub fn nats_with_quota(bytes: u64) -> Self {
        Self::nats_of("", &format!("max_file_store: {bytes}"))
    }

    fn nats_of(configuration: &str, jetstream: &str) -> Self {
        let mut server = Self::new(Kind::Nats);
        let file = server.directory.join("nats.conf");
        let store = server.directory.join("store");
        let text = format!(
            "host: 127.0.0.1\nport: {}\nmax_payload: 8MB\njetstream {{ store_dir: {store:?}\n{jetstream} }}\n{configuration}\n",
            server.port
        );
        fs::write(&file, text).expect("a configuration");
        server.options = vec!["-c".into(), file.display().to_string()];
        server.start();
        server
    }

    /// `redis-server`, which hands every command to the system, for its log, before it answers: that survives its
    /// being killed.
    pub fn redis() -> Self {
        Self::redis_with(&[])
    }

    /// The same, with more options: `--requirepass secret`, say.
    pub fn redis_with(options: &[&str]) -> Self {
        let mut server = Self::new(Kind::Redis);
        let own = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"];
        let durable = ["--appendfsync", "everysec", "--dir"];
        let strings = own.iter().chain(&durable).map(|text| (*text).to_owned());
        server.options = strings.collect();
        server.options.push(server.directory.display().to_string());
        if !options.contains(&"--port") {
            server.options.extend(["--port".to_owned(), server.port.to_string()]);
        }
        server.options.extend(options.iter().map(|text| (*text).to_owned()));
        server.start();
        server
    }

    fn new(kind: Kind) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stentor-{kind:?}-{}-{number}", std::process::id()).to_lowercase();
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a directory for the server");
        Self { kind, port: free_port(), directory, options: Vec::new(), process: None }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn url(&self) -> String {
        match self.kind {
            Kind::Nats => format!("nats://127.0.0.1:{}", self.port),
            Kind::Redis => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Starts it, on its port and with its data, and waits until it answers.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = fs::File::create(self.directory.join("log")).expect("a log");
        let program = match self.kind {
            Kind::Nats => "nats-server",
            Kind::Redis => "redis-server",
        };
        let child = Command::new(program)
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} cannot be started ({error}): is it installed?")
            });
        self.process = Some(child);
        self.await_ready();
    }

    /// Kills it, as `kill -9` does: nothing is flushed, nobody is told.
    pub fn kill(&mut self) {
        let mut child = self.process.take().expect("it runs");
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// Stops it where it stands, connections open (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        let id = self.process.as_ref().expect("it runs").id();
        // SAFETY: no memory is involved; the process is a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(id as i32, signal) }, 0);
    }

    /// Connects until the server speaks. A server that ends instead is a failure that says why.
    fn await_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !answers(self.kind, self.port) {
            let ended =
                self.process.as_mut().and_then(|child| child.try_wait().expect("its state"));
            let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(ended.is_none(), "the server has ended ({ended:?}):\n{}", log());
            assert!(Instant::now() < deadline, "the server does not answer:\n{}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A certificate for `localhost` and its key, which nobody trusts unless told to.
pub struct Certificate {
    directory: PathBuf,
    pub file: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("stentor-tls-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a directory for the certificate");
        let (file, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&file)
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { directory, file, key }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Whether something speaks there: NATS by itself, Redis when asked (TLS by taking the connection).
fn answers(kind: Kind, port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let timeout = Some(Duration::from_millis(500));
    if stream.set_read_timeout(timeout).is_err() {
        return false;
    }
    let mut first = [0; 5];
    match kind {
        Kind::Nats => stream.read_exact(&mut first).is_ok() && &first == b"INFO ",
        Kind::Redis => {
            let asked = stream.write_all(b"PING\r\n").is_ok();
            // `+PONG`, `-NOAUTH`, but not `-LOADING`.
            asked && stream.read_exact(&mut first).is_ok() && &first != b"-LOAD"
        }
    }
}
