//! Deadlines as numbers: nanoseconds from an epoch on.
//!
//! To read the clock exactly is a good part of what a request costs. So where its time-out is long, its deadline is
//! counted from the last tick of the kernel's clock, plus a tick: it is never early, and late by a tick at most.

use std::time::Duration;

use crate::sync::Instant;

/// From this on a time-out is long: a tick is 10 ms at most, and 4 ms or less on most systems.
const LONG: Duration = Duration::from_secs(1);

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;

pub(crate) struct Epoch {
    instant: Instant,
    ticks: Option<ticks::Ticks>,
}

impl Epoch {
    /// It begins now.
    pub(crate) fn new() -> Self {
        Self { ticks: ticks::Ticks::new(), instant: Instant::now() }
    }

    /// The deadline of what begins now and may take so long.
    #[inline]
    pub(crate) fn deadline(&self, timeout: Duration) -> u64 {
        match &self.ticks {
            Some(ticks) if timeout >= LONG => {
                u64::try_from(timeout.as_nanos()).map_or(NEVER, |t| ticks.now().saturating_add(t))
            }
            _ => Instant::now().checked_add(timeout).map_or(NEVER, |at| self.nanos(at)),
        }
    }

    /// A moment as a number.
    pub(crate) fn nanos(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.instant).as_nanos().try_into().unwrap_or(NEVER)
    }

    /// A number as a moment; `None` if it never comes.
    pub(crate) fn instant(&self, nanos: u64) -> Option<Instant> {
        let at = self.instant.checked_add(Duration::from_nanos(nanos));
        at.filter(|_| nanos != NEVER)
    }
}

#[cfg(all(target_os = "linux", not(any(miri, stentor_loom, stentor_shuttle))))]
mod ticks {
    /// The clock that [`Instant`](std::time::Instant) is on, as of the kernel's last tick.
    pub(super) struct Ticks {
        /// When it began, less a tick.
        origin: u64,
    }

    impl Ticks {
        /// Begins now; `None` where the system does not have it.
        pub(super) fn new() -> Option<Self> {
            let mut tick = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: `tick` is ours to be written.
            let known = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &mut tick) } == 0;
            let origin = read(libc::CLOCK_MONOTONIC).saturating_sub(nanos(&tick));
            known.then_some(Self { origin })
        }

        /// Now, or up to a tick later.
        #[inline]
        pub(super) fn now(&self) -> u64 {
            read(libc::CLOCK_MONOTONIC_COARSE).saturating_sub(self.origin)
        }
    }

    #[inline]
    fn read(clock: libc::clockid_t) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is ours to be written. (That this clock is there, `clock_getres` has said.)
        unsafe { libc::clock_gettime(clock, &mut time) };
        nanos(&time)
    }

    #[inline]
    fn nanos(time: &libc::timespec) -> u64 {
        (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
    }
}

#[cfg(any(not(target_os = "linux"), miri, stentor_loom, stentor_shuttle))]
mod ticks {
    pub(super) struct Ticks;

    impl Ticks {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) fn now(&self) -> u64 {
            0
        }
    }
}

#[cfg(all(test, not(any(stentor_loom, stentor_shuttle))))]
mod tests {
    use super::{Epoch, NEVER};
    use std::time::{Duration, Instant};

    #[test]
    fn a_deadline_is_never_early() {
        let epoch = Epoch::new();
        for timeout in [Duration::ZERO, Duration::from_millis(7), Duration::from_secs(1)] {
            for _ in 0..1000 {
                let before = Instant::now();
                let deadline =
                    epoch.instant(epoch.deadline(timeout)).expect("before the end of time");
                assert!(deadline >= before + timeout, "{:?} early", before + timeout - deadline);
            }
        }
    }

    #[test]
    fn what_is_beyond_the_clock_never_comes() {
        let epoch = Epoch::new();
        assert_eq!(epoch.deadline(Duration::MAX), NEVER);
        assert_eq!(epoch.instant(NEVER), None);
    }
}
