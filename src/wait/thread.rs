//! A thread waits: looks, idles by its strategy, parks at a doorbell.

use std::time::Duration;

use crate::sync::{Instant, current, park, park_timeout};
use crate::wait::doorbell::{Doorbell, Key, Sleeper};
use crate::wait::strategy::{Patience, Step, WaitStrategy, Waiting};

/// Calls `look` until it finds something, or until the deadline (then `None`). It is told whether the
/// thread will sleep if it finds nothing: then anything must do.
pub(crate) fn wait<R>(
    bell: &Doorbell,
    key: Key,
    strategy: &WaitStrategy,
    patience: &mut Patience,
    deadline: Option<Instant>,
    mut look: impl FnMut(bool) -> Option<R>,
) -> Option<R> {
    let mut waiting = Waiting::new(strategy, patience);
    loop {
        if let Some(found) = look(false) {
            return Some(found);
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return None;
        }
        let limit = match waiting.idle() {
            Step::Look => continue,
            Step::Park => left,
            Step::ParkFor(most) => Some(left.map_or(most, |left| left.min(most))),
        };
        if let Some(found) = sleep(bell, key, limit, &mut look) {
            return Some(found);
        }
    }
}

/// Registers, looks again, and parks if there is still nothing.
fn sleep<R>(
    bell: &Doorbell,
    key: Key,
    limit: Option<Duration>,
    look: &mut impl FnMut(bool) -> Option<R>,
) -> Option<R> {
    /// Leaves no registration behind, however the second look ends.
    struct Registered<'a>(&'a Doorbell, Key);
    impl Drop for Registered<'_> {
        fn drop(&mut self) {
            self.0.cancel(self.1);
        }
    }
    bell.register(key, Sleeper::Thread(current()));
    let _registered = Registered(bell, key);
    let found = look(true);
    if found.is_none() {
        match limit {
            Some(limit) => park_timeout(limit),
            None => park(),
        }
    }
    found
}
