//! When a message was published, and for how long it is of use.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, in nanoseconds since the Unix epoch (until the year 2554). 8 bytes, and so is an `Option`.
///
/// It follows the system's clock, which may be set back: to measure how long something takes, use
/// [`Instant`](std::time::Instant).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// Now, as exactly as the system knows (50 to 70 ns on the virtual machine where this was written).
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Now, as of the last tick of the kernel: up to 4 ms ago on Linux (`CLOCK_REALTIME_COARSE`), for a
    /// fifth of the cost of [`now`](Self::now). Elsewhere the same as `now`.
    #[inline]
    pub fn coarse() -> Self {
        coarse::now().unwrap_or_else(Self::now)
    }

    /// The moment so many nanoseconds after the Unix epoch. (The epoch itself counts as 1.)
    #[inline]
    pub fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }

    /// Nanoseconds since the Unix epoch.
    pub fn as_nanos(self) -> u64 {
        self.0.get()
    }

    /// The time from `earlier` to this; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the epoch or after 2554 become the nearest that there is.
    fn from(time: SystemTime) -> Self {
        let nanos = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Self::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_nanos(timestamp.as_nanos())
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
mod coarse {
    use super::Timestamp;

    #[inline]
    pub(super) fn now() -> Option<Timestamp> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is ours to be written.
        let known = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut time) } == 0;
        known.then(|| {
            let (seconds, nanos) = (time.tv_sec as u64, time.tv_nsec as u64);
            Timestamp::from_nanos(seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos))
        })
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
mod coarse {
    use super::Timestamp;

    pub(super) fn now() -> Option<Timestamp> {
        None
    }
}

/// For how long after its timestamp a message is of use: whole milliseconds, 49 days at most. 4 bytes,
/// and so is an `Option`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ttl(NonZeroU32);

impl Ttl {
    /// Rounded up to a millisecond; at least one, and at most 49 days.
    pub fn new(duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        let millis = u32::try_from(millis).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(millis).unwrap_or(NonZeroU32::MIN))
    }

    /// As a duration.
    pub fn as_duration(self) -> Duration {
        Duration::from_millis(self.0.get().into())
    }
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Self {
        Self::new(duration)
    }
}

impl fmt::Debug for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ttl({:?})", self.as_duration())
    }
}
