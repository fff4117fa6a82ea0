//! A thread waits for a future.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::sync::{Instant, Thread, current, park, park_timeout};
use crate::wait::strategy::{Patience, Step, WaitStrategy, Waiting};

/// Unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls `future` until it is ready, or until the deadline (then `None`).
pub(crate) fn block_on<F: Future>(
    future: F,
    strategy: &WaitStrategy,
    deadline: Option<Instant>,
) -> Option<F::Output> {
    let mut future = pin!(future);
    with_waker(|waker| {
        let mut cx = Context::from_waker(waker);
        let mut patience = Patience::new();
        let mut waiting = Waiting::new(&mut patience);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Some(output);
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return None;
            }
            let limit = match waiting.idle(strategy) {
                Step::Look => continue,
                Step::Park => left,
                Step::ParkFor(most) => Some(left.map_or(most, |left| left.min(most))),
            };
            match limit {
                Some(limit) => park_timeout(limit),
                None => park(),
            }
        }
    })
}

/// Runs `f` on the waker of this thread, which is made once.
#[cfg(not(any(stentor_loom, stentor_shuttle)))]
fn with_waker<R>(f: impl FnOnce(&Waker) -> R) -> R {
    use std::cell::OnceCell;
    thread_local!(static WAKER: OnceCell<Waker> = const { OnceCell::new() });
    WAKER.with(|waker| f(waker.get_or_init(|| Arc::new(Unpark(current())).into())))
}

/// Loom's threads share what `std` calls a thread.
#[cfg(any(stentor_loom, stentor_shuttle))]
fn with_waker<R>(f: impl FnOnce(&Waker) -> R) -> R {
    f(&Arc::new(Unpark(current())).into())
}
