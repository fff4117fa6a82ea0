//! A TCP proxy that spoils connections when told to.

#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How bytes are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Handed on.
    Pass,
    /// Handed on after so long.
    Delay(Duration),
    /// Not read, connections open.
    Stall,
    /// What comes back from the server is cut off, the other direction goes on.
    HalfClose,
    /// All connections are cut, and new ones at once.
    Cut,
}

pub struct Proxy {
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// In front of a server on the loopback interface.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let mode = Arc::new(watch::Sender::new(Mode::Pass));
        let accepting = tokio::spawn(accept(listener, target, Arc::clone(&mode)));
        Self { port, mode, accepting }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks each way once in the course of a hundred messages, and leaves it so.
    pub fn spoil(&self, number: u64) {
        match number {
            20 => self.set(Mode::Delay(Duration::from_millis(5))),
            40 => self.set(Mode::Cut),
            70 => self.set(Mode::Stall),
            90 => self.set(Mode::HalfClose),
            _ => {}
        }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many connections there are: two directions each.
    pub fn connections(&self) -> usize {
        self.mode.receiver_count() / 2
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Mode::Cut);
    }
}

async fn accept(listener: TcpListener, target: u16, mode: Arc<watch::Sender<Mode>>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { continue };
        let (client, server) = (client.into_split(), server.into_split());
        tokio::spawn(forward(client.0, server.1, mode.subscribe(), false));
        tokio::spawn(forward(server.0, client.1, mode.subscribe(), true));
    }
}

/// One direction of a connection. Whatever ends it, dropping the halves closes them.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    comes_back: bool,
) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Cut => return,
            Mode::HalfClose if comes_back => {
                let _ = to.shutdown().await;
                return;
            }
            Mode::Stall => {
                if mode.changed().await.is_err() {
                    return;
                }
                continue;
            }
            _ => {}
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            changed = mode.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Ok(count @ 1..) = read else { return };
        if let Mode::Delay(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
