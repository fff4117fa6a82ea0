//! A store-load fence whose whole price the rare side pays.
//!
//! Two threads that each *store, then look at what the other stored* need a full fence on both
//! sides. Where one side runs for every message and the other once in a while, Linux lets the rare
//! side pay for both: `membarrier(PRIVATE_EXPEDITED)` runs a full fence on every core that executes
//! a thread of this process, so the frequent side needs only to keep its compiler from reordering.
//!
//! [`heavy`] is the rare side and [`light`] the frequent one; they pair with each other and with
//! nothing else. Where the call is missing ([`available`] is false: other systems, old kernels, a
//! seccomp filter) [`heavy`] is a plain fence, and the frequent side must fence as well. The models
//! have a pair that is no stronger: see `model`.

#[cfg(any(stentor_loom, stentor_shuttle))]
pub(crate) use model::{available, heavy, light};
#[cfg(not(any(stentor_loom, stentor_shuttle)))]
pub(crate) use real::{available, heavy, light};

#[cfg(not(any(stentor_loom, stentor_shuttle)))]
mod real {
    use super::membarrier;
    use crate::sync::{Ordering, compiler_fence, fence};

    /// The frequent side. Needs [`available`]; without it use a full fence.
    #[inline(always)]
    pub(crate) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    /// The rare side: 0.5 us alone, some 10 us while other cores run this process (measured on two
    /// virtual cores of an AMD EPYC).
    #[cold]
    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
        if available() {
            membarrier::run();
        }
    }

    /// Whether [`heavy`] reaches the other cores. Registers this process at the first call.
    pub(crate) fn available() -> bool {
        membarrier::registered()
    }
}

/// For models: of two threads, one [`light`] and one [`heavy`], the later sees what the earlier stored
/// before. Two light ones order nothing between them, and neither orders anything with a `fence`.
///
/// A read-modify-write reads the last value and sees what was released to its word. So each thread has
/// a word, which it alone and the heavy side pass through.
#[cfg(any(stentor_loom, stentor_shuttle))]
mod model {
    use crate::sync::{AtomicUsize, Ordering, checker, fence, thread_token};

    /// As many as models have: loom allows five.
    const THREADS: usize = if cfg!(stentor_loom) { 5 } else { 32 };

    checker::lazy_static! {
        static ref WORDS: [AtomicUsize; THREADS] = std::array::from_fn(|_| AtomicUsize::new(0));
    }

    pub(crate) fn light() {
        WORDS[thread_token() - 1].fetch_add(0, Ordering::AcqRel);
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
        for word in WORDS.iter() {
            word.fetch_add(0, Ordering::AcqRel);
        }
    }

    /// Makes the words as well, before there is a second thread that this could order.
    pub(crate) fn available() -> bool {
        !WORDS.is_empty()
    }
}

#[cfg(all(target_os = "linux", not(miri), not(any(stentor_loom, stentor_shuttle))))]
mod membarrier {
    use std::sync::OnceLock;

    /// Registers the process, once; false where the kernel will not.
    pub(super) fn registered() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        *REGISTERED
            .get_or_init(|| call(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && run_checked())
    }

    /// A full fence on every core that runs a thread of this process.
    pub(super) fn run() {
        // Once a process is registered the call has no documented way to fail; going on without the
        // fence would be a data race, so the improbable is fatal rather than silent.
        assert!(run_checked(), "membarrier failed in a registered process");
    }

    fn run_checked() -> bool {
        call(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    fn call(command: libc::membarrier_cmd) -> bool {
        // SAFETY: membarrier takes three integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(all(any(not(target_os = "linux"), miri), not(any(stentor_loom, stentor_shuttle))))]
mod membarrier {
    /// There is no such call here.
    pub(super) fn registered() -> bool {
        false
    }

    pub(super) fn run() {}
}
