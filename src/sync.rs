//! Floor 0: atomics, cells, locks and threads, from `std` or from loom.
//!
//! Everything above speaks loom's dialect (`UnsafeCell::with`), so the algorithms never mention the
//! model checker and the models check what ships. What loom cannot do has a stand-in *here*: the
//! copy-on-write pointer ([`ArcSwap`]), time ([`Instant`]) and the asymmetric fence ([`asymmetric`]).

pub(crate) mod asymmetric;
#[cfg(feature = "broker")]
pub(crate) mod counter;

#[cfg(not(stentor_loom))]
pub(crate) use real::*;

#[cfg(not(stentor_loom))]
mod real {
    pub(crate) use arc_swap::ArcSwap;
    #[cfg(feature = "broker")]
    pub(crate) use atomic_waker::AtomicWaker;
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
    };
    pub(crate) use std::thread::{Thread, current, park, park_timeout, yield_now};
    pub(crate) use std::time::Instant;

    /// `std::cell::UnsafeCell` in loom's dialect.
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[cfg(feature = "broker")]
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// A number that no other living thread has: the address of a thread-local byte.
    ///
    /// A thread that starts after another ended may be given its number; it is then also ordered
    /// after it, as any two users of recycled memory are.
    #[inline(always)]
    pub(crate) fn thread_token() -> usize {
        thread_local!(static TOKEN: u8 = const { 0 });
        TOKEN.with(|token| std::ptr::from_ref(token).addr())
    }
}

#[cfg(stentor_loom)]
pub(crate) use model::*;

#[cfg(stentor_loom)]
mod model {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
    };
    pub(crate) use loom::thread::{Thread, current, park, yield_now};
    use std::time::Duration;

    /// Loom has no time: a timed park is a chance for the others to run.
    pub(crate) fn park_timeout(_: Duration) {
        yield_now();
    }

    /// Loom's mutex with `parking_lot`'s signatures.
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn try_lock(&self) -> Option<loom::sync::MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    /// Loom's waker cell with `atomic-waker`'s signatures.
    #[cfg(feature = "broker")]
    pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

    #[cfg(feature = "broker")]
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

    /// A number that no other thread of this execution has.
    pub(crate) fn thread_token() -> usize {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
        loom::thread_local!(
            static TOKEN: usize = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
        );
        TOKEN.with(|token| *token)
    }
}
