//! A thread waits: idles by its strategy, looks, parks at a doorbell.

use std::time::Duration;

use crate::sync::{Instant, current, park, park_timeout};
use crate::wait::doorbell::{Doorbell, Key, Sleeper};
use crate::wait::strategy::{Patience, Step, WaitStrategy, Waiting};

/// Waits until `look`, called on `state`, finds something, or until the deadline (then `None`). The
/// caller has just looked and found nothing. `look` is told whether the thread will sleep if it finds
/// nothing: then anything must do. `at` says where the state sleeps, and how it idles.
pub(crate) fn wait<S, R>(
    state: &mut S,
    at: impl Fn(&S) -> (&Doorbell, &WaitStrategy),
    key: Key,
    patience: &mut Patience,
    deadline: Option<Instant>,
    mut look: impl FnMut(&mut S, bool) -> Option<R>,
) -> Option<R> {
    let mut waiting = Waiting::new(patience);
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return None;
        }
        let limit = match waiting.idle(at(state).1) {
            Step::Look => {
                if let Some(found) = look(state, false) {
                    return Some(found);
                }
                continue;
            }
            Step::Park => left,
            Step::ParkFor(most) => Some(left.map_or(most, |left| left.min(most))),
        };
        if let Some(found) = sleep(state, |state| at(state).0, key, limit, &mut look) {
            return Some(found);
        }
    }
}

/// Registers, looks, and parks if there is still nothing.
fn sleep<S, R>(
    state: &mut S,
    bell: impl Fn(&S) -> &Doorbell,
    key: Key,
    limit: Option<Duration>,
    look: &mut impl FnMut(&mut S, bool) -> Option<R>,
) -> Option<R> {
    /// Leaves no registration behind, however the look ends.
    struct Registered<'a, S, B: Fn(&S) -> &Doorbell>(&'a mut S, B, Key);
    impl<S, B: Fn(&S) -> &Doorbell> Drop for Registered<'_, S, B> {
        fn drop(&mut self) {
            self.1(self.0).cancel(self.2);
        }
    }
    bell(state).register(key, Sleeper::Thread(current()));
    let registered = Registered(state, bell, key);
    let found = look(registered.0, true);
    if found.is_none() {
        match limit {
            Some(limit) => park_timeout(limit),
            None => park(),
        }
    }
    found
}
