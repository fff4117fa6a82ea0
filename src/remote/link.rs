//! The state of a connection, for all who want to know.

use std::time::Duration;

use tokio::sync::watch;

use crate::broker::ConnectionState;
use crate::remote::error::RemoteError;
use crate::sync::counter::Counter;

/// Whether there is a connection, and whether the broker is closed: then what is left may still go out.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Status {
    is_up: bool,
    is_closed: bool,
}

impl Status {
    fn state(self) -> ConnectionState {
        match self {
            Self { is_closed: true, .. } => ConnectionState::Closed,
            Self { is_up: true, .. } => ConnectionState::Connected,
            Self { is_up: false, .. } => ConnectionState::Reconnecting,
        }
    }
}

/// Its transitions: back and forth between `Connected` and `Reconnecting`, and once to `Closed`.
pub(crate) struct Link {
    status: watch::Sender<Status>,
    /// The same for all who want to know.
    state: watch::Sender<ConnectionState>,
    /// How often a connection was lost.
    pub(crate) lost: Counter,
}

impl Link {
    pub(crate) fn new() -> Self {
        let status = Status { is_up: true, is_closed: false };
        let state = watch::Sender::new(status.state());
        Self { status: watch::Sender::new(status), state, lost: Counter::default() }
    }

    // ===== how it changes =====

    pub(crate) fn connected(&self) {
        self.change(|status| status.is_up = true);
    }

    pub(crate) fn lose(&self) {
        if self.change(|status| status.is_up = false) && !self.is_closed() {
            self.lost.add(1);
        }
    }

    /// Whether it was not closed before.
    pub(crate) fn close(&self) -> bool {
        self.change(|status| status.is_closed = true)
    }

    /// Whether that changes anything. Who sees the new state sees the new status as well.
    fn change(&self, change: impl FnOnce(&mut Status)) -> bool {
        self.status.send_if_modified(|status| {
            let before = *status;
            change(status);
            if *status == before {
                return false;
            }
            let now = status.state();
            self.state.send_if_modified(|state| std::mem::replace(state, now) != now);
            true
        })
    }

    // ===== how it is =====

    pub(crate) fn state(&self) -> ConnectionState {
        self.status.borrow().state()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    /// Whether there is a connection, closed or not.
    #[cfg(feature = "nats")]
    pub(crate) fn is_up(&self) -> bool {
        self.status.borrow().is_up
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state() == ConnectionState::Closed
    }

    /// Whether there is a connection. Closed counts as one: who goes on will see.
    pub(crate) fn is_usable(&self) -> bool {
        self.state() != ConnectionState::Reconnecting
    }

    // ===== waiting =====

    /// Waits until it is closed.
    pub(crate) async fn closed(&self) {
        self.wait_for(|status| status.is_closed).await;
    }

    /// Waits until the connection is lost (or the broker closed).
    pub(crate) async fn lost(&self) {
        self.wait_for(|status| status.is_closed || !status.is_up).await;
    }

    /// Waits until there is a connection, whether it is closed or not.
    pub(crate) async fn up(&self) {
        self.wait_for(|status| status.is_up).await;
    }

    /// Waits until there is none, likewise.
    pub(crate) async fn down(&self) {
        self.wait_for(|status| !status.is_up).await;
    }

    /// Waits until there is a connection, or it is closed.
    pub(crate) async fn usable(&self) {
        self.wait_for(|status| status.is_closed || status.is_up).await;
    }

    /// The same for so long at most.
    pub(crate) async fn usable_within(&self, waited: Duration) -> Result<(), RemoteError> {
        if self.is_usable() || tokio::time::timeout(waited, self.usable()).await.is_ok() {
            return Ok(());
        }
        Err(RemoteError::Disconnected { waited })
    }

    async fn wait_for(&self, is_it: impl Fn(Status) -> bool) {
        // The sender is here, so it cannot fail.
        let _ = self.status.subscribe().wait_for(|status| is_it(*status)).await;
    }
}
