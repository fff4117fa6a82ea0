//! Floor 0: atomics, cells, locks and threads, from `std`, from loom, or from shuttle.
//!
//! Everything above speaks loom's dialect (`UnsafeCell::with`), so the algorithms never mention the
//! model checkers and the models check what ships. What those cannot do has a stand-in in `model`: the
//! copy-on-write pointer ([`ArcSwap`]), the channel ([`unbounded`]), time ([`Instant`]) and, for loom,
//! unparking ([`Thread`]); the asymmetric fence is in [`asymmetric`].

pub(crate) mod asymmetric;
#[cfg(feature = "broker")]
pub(crate) mod counter;

#[cfg(any(stentor_loom, stentor_shuttle))]
mod model;
#[cfg(any(stentor_loom, stentor_shuttle))]
pub(crate) use model::*;

#[cfg(not(any(stentor_loom, stentor_shuttle)))]
pub(crate) use real::*;

/// Makes `word` at least `to`, by a read-modify-write that acquires and releases; where it is already, acquires
/// and writes nothing. (No `fetch_max`: ThreadSanitizer does not see it.)
pub(crate) fn raise(word: &AtomicU64, to: u64) {
    let higher = |now| (now < to).then_some(to);
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, higher);
}

/// A hint that the cache line at `place` will be written soon.
#[inline(always)]
pub(crate) fn prefetch_for_write<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads and writes nothing as far as the program can tell, whatever the address;
    // processors without this one take it for no operation.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

#[cfg(not(stentor_loom))]
mod cell {
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
}

#[cfg(not(any(stentor_loom, stentor_shuttle)))]
mod real {
    pub(crate) use super::cell::UnsafeCell;
    pub(crate) use arc_swap::ArcSwap;
    #[cfg(feature = "broker")]
    pub(crate) use atomic_waker::AtomicWaker;
    pub(crate) use crossbeam_channel::{Receiver, Sender, unbounded};
    pub(crate) use parking_lot::Mutex;
    #[cfg(feature = "actors")]
    pub(crate) use parking_lot::MutexGuard;
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence,
    };
    pub(crate) use std::thread::{
        Builder as ThreadBuilder, JoinHandle, Thread, current, park, park_timeout, yield_now,
    };
    pub(crate) use std::time::Instant;

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
