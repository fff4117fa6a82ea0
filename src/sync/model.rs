//! The model checkers' primitives, with what they lack.

#[cfg(stentor_shuttle)]
pub(crate) use super::cell::UnsafeCell;
#[cfg(stentor_loom)]
pub(super) use loom as checker;
#[cfg(stentor_loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(stentor_shuttle)]
pub(super) use shuttle as checker;

pub(crate) use checker::hint::spin_loop;
pub(crate) use checker::sync::Arc;
#[cfg(feature = "actors")]
pub(crate) use checker::sync::MutexGuard;
pub(crate) use checker::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use checker::thread::yield_now;
#[cfg(stentor_shuttle)]
pub(crate) use checker::thread::{Builder as ThreadBuilder, JoinHandle, Thread, current, park};
use std::collections::VecDeque;
use std::time::Duration;

#[cfg(all(stentor_shuttle, feature = "broker"))]
pub(crate) use atomic_waker::AtomicWaker;

#[cfg(stentor_loom)]
#[path = "unpark.rs"]
mod unpark;
#[cfg(stentor_loom)]
pub(crate) use unpark::*;

/// Models have no time: a timed park is a chance for the others to run.
pub(crate) fn park_timeout(_: Duration) {
    yield_now();
}

/// The checker's mutex with `parking_lot`'s signatures.
pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(checker::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> checker::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }

    pub(crate) fn try_lock(&self) -> Option<checker::sync::MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }
}

/// A stand-in for the unbounded channel: a queue behind the checker's lock, with as much of
/// `crossbeam-channel`'s signatures as is used.
pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Mutex::new(Some(VecDeque::new())));
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

/// The messages, until the receiver is gone.
type Queue<T> = Arc<Mutex<Option<VecDeque<T>>>>;

pub(crate) struct Sender<T>(Queue<T>);

impl<T> Sender<T> {
    pub(crate) fn send(&self, message: T) -> Result<(), T> {
        match &mut *self.0.lock() {
            Some(queue) => {
                queue.push_back(message);
                Ok(())
            }
            None => Err(message),
        }
    }
}

pub(crate) struct Receiver<T>(Queue<T>);

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, ()> {
        self.0.lock().as_mut().and_then(VecDeque::pop_front).ok_or(())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = self.0.lock().take();
        drop(left);
    }
}

/// Loom's waker cell with `atomic-waker`'s signatures.
#[cfg(all(stentor_loom, feature = "broker"))]
pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

#[cfg(all(stentor_loom, feature = "broker"))]
impl AtomicWaker {
    pub(crate) fn new() -> Self {
        Self(loom::future::AtomicWaker::new())
    }

    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.0.register_by_ref(waker);
    }

    pub(crate) fn wake(&self) {
        self.0.wake();
    }

    pub(crate) fn take(&self) -> Option<std::task::Waker> {
        self.0.take_waker()
    }
}

/// Time that has always run out, so that every wait goes straight to the parking it models. A wait
/// of less than a second is over when it is looked at, a longer one never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant;

impl Instant {
    pub(crate) fn now() -> Self {
        Self
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::MAX
    }

    pub(crate) fn checked_add(&self, duration: Duration) -> Option<Self> {
        (duration < Duration::from_secs(1)).then_some(Self)
    }

    pub(crate) fn saturating_duration_since(&self, _: Self) -> Duration {
        Duration::ZERO
    }
}

/// The copy-on-write pointer, as weak as `arc-swap` promises to be: an append-only list of
/// versions (outside the model) and one modelled index that says which of them is current.
pub(crate) struct ArcSwap<T> {
    versions: std::sync::Mutex<Vec<std::sync::Arc<T>>>,
    current: AtomicUsize,
}

impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self {
            versions: std::sync::Mutex::new(vec![std::sync::Arc::new(value)]),
            current: AtomicUsize::new(0),
        }
    }

    pub(crate) fn load(&self) -> std::sync::Arc<T> {
        let current = self.current.load(Ordering::Acquire);
        std::sync::Arc::clone(&self.versions.lock().unwrap()[current])
    }

    /// Callers hold a lock of their own, as `arc-swap`'s writers here do.
    pub(crate) fn store(&self, value: std::sync::Arc<T>) {
        let next = {
            let mut versions = self.versions.lock().unwrap();
            versions.push(value);
            versions.len() - 1
        };
        self.current.swap(next, Ordering::AcqRel);
    }
}

/// A number that no other thread of this execution has: 1, 2, .. (0 is none, as no address is 0.)
pub(crate) fn thread_token() -> usize {
    use std::sync::atomic::AtomicUsize;
    checker::lazy_static! { static ref NEXT: AtomicUsize = AtomicUsize::new(1); }
    checker::thread_local! {
        static TOKEN: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    TOKEN.with(|token| *token)
}
