//! The state of a connection, for all who want to know.

use std::time::Duration;

use tokio::sync::watch;

use crate::remote::error::RemoteError;
use crate::sync::counter::Counter;

/// The state of the connection to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is one.
    Connected,
    /// It was lost, and is being made again.
    Reconnecting,
    /// The broker is closed, for good.
    Closed,
}

/// Its transitions: back and forth between `Connected` and `Reconnecting`, and once to `Closed`.
pub(crate) struct Link {
    state: watch::Sender<ConnectionState>,
    /// Whether there is a connection, also once it is closed: what is left may still go out.
    up: watch::Sender<bool>,
    /// How often a connection was lost.
    pub(crate) lost: Counter,
}

impl Link {
    pub(crate) fn new() -> Self {
        let state = watch::Sender::new(ConnectionState::Connected);
        Self { state, up: watch::Sender::new(true), lost: Counter::default() }
    }

    pub(crate) fn state(&self) -> ConnectionState {
        *self.state.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state() == ConnectionState::Closed
    }

    pub(crate) fn connected(&self) {
        self.up.send_replace(true);
        self.go(ConnectionState::Reconnecting, ConnectionState::Connected);
    }

    pub(crate) fn lose(&self) {
        self.up.send_replace(false);
        if self.go(ConnectionState::Connected, ConnectionState::Reconnecting) {
            self.lost.add(1);
        }
    }

    /// Whether it was not closed before.
    pub(crate) fn close(&self) -> bool {
        self.state.send_replace(ConnectionState::Closed) != ConnectionState::Closed
    }

    fn go(&self, from: ConnectionState, to: ConnectionState) -> bool {
        self.state.send_if_modified(|state| {
            let goes = *state == from;
            if goes {
                *state = to;
            }
            goes
        })
    }

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        self.wait_for(|state| state == ConnectionState::Closed).await;
    }

    /// Waits until the connection is lost (or the broker closed).
    pub(crate) async fn lost(&self) {
        self.wait_for(|state| state != ConnectionState::Connected).await;
    }

    /// Waits until there is a connection, whether it is closed or not.
    pub(crate) async fn up(&self) {
        // The sender is here, so it cannot fail.
        let _ = self.up.subscribe().wait_for(|is_up| *is_up).await;
    }

    /// Whether there is a connection. Closed counts as one: who goes on will see.
    pub(crate) fn is_usable(&self) -> bool {
        self.state() != ConnectionState::Reconnecting
    }

    /// Waits for that.
    pub(crate) async fn usable(&self) {
        self.wait_for(|state| state != ConnectionState::Reconnecting).await;
    }

    /// The same for so long at most.
    pub(crate) async fn usable_within(&self, waited: Duration) -> Result<(), RemoteError> {
        if self.is_usable() || tokio::time::timeout(waited, self.usable()).await.is_ok() {
            return Ok(());
        }
        Err(RemoteError::Disconnected { waited })
    }

    async fn wait_for(&self, is_it: impl Fn(ConnectionState) -> bool) {
        // The sender is here, so it cannot fail.
        let _ = self.state.subscribe().wait_for(|state| is_it(*state)).await;
    }
}
