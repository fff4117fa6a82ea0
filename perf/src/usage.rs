//! Processor time used, by getrusage; and what everybody else on the machine used.

use std::{
    fs,
    mem::MaybeUninit,
    time::{Duration, Instant},
};

/// Processor time (user and system) that this process has used.
pub fn process() -> Duration {
    used(libc::RUSAGE_SELF)
}

/// Processor time that the calling thread has used; zero where the system does not say.
pub fn thread() -> Duration {
    #[cfg(target_os = "linux")]
    return used(libc::RUSAGE_THREAD);
    #[cfg(not(target_os = "linux"))]
    return Duration::ZERO;
}

/// Asks the system for the usage of `whom`.
fn used(whom: libc::c_int) -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a `rusage` of ours that the call fills in.
    let status = unsafe { libc::getrusage(whom, usage.as_mut_ptr()) };
    assert_eq!(status, 0, "getrusage failed");
    // SAFETY: all zeroes is a valid `rusage`, and the call has succeeded.
    let usage = unsafe { usage.assume_init() };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// A `timeval` as a duration.
fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000)
}

/// Watches what other processes use while the harness runs: they falsify its results.
pub struct Others {
    /// When the watch began.
    start: Instant,
    /// What the machine had used until then, where the system says.
    machine: Option<Duration>,
}

impl Others {
    /// Begins to watch. The children that are counted as ours start and end while it does.
    pub fn watch() -> Self {
        Self { start: Instant::now(), machine: machine() }
    }

    /// The cores that others have kept busy on average.
    pub fn cores(&self) -> Option<f64> {
        let all = machine()?.checked_sub(self.machine?)?;
        let ours = process() + used(libc::RUSAGE_CHILDREN);
        Some(all.saturating_sub(ours).as_secs_f64() / self.start.elapsed().as_secs_f64())
    }
}

/// Processor time that all processes have used since the machine started.
fn machine() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let mut ticks = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .map_while(|field| field.parse::<u64>().ok());
    // User, nice and system time, in hundredths of a second.
    let busy: u64 = ticks.by_ref().take(3).sum();
    Some(Duration::from_millis(busy * 10))
}
