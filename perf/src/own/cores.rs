//! The cores that a measurement runs on.

use std::thread;

/// Whether a measurement may run on these cores.
///
/// # Errors
///
/// A sentence about those it may not.
pub fn check(cores: &[usize]) -> Result<(), String> {
    // On a thread of its own, so that this one stays where it is.
    thread::scope(|scope| scope.spawn(|| restrict(cores)).join())
        .unwrap_or_else(|_| Err("the cores cannot be chosen".into()))
}

/// Has this thread, and all that it starts, run on these cores; on all, if there are none.
#[cfg(target_os = "linux")]
pub fn restrict(cores: &[usize]) -> Result<(), String> {
    if cores.is_empty() {
        return Ok(());
    }
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for core in cores {
        if *core >= libc::CPU_SETSIZE as usize {
            return Err(refused(cores));
        }
        // SAFETY: the set is ours, and the core's number is below its size.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: the set is ours, and of the size that is given; 0 is the calling thread.
    let done = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    let is_complete =
        done == 0 && thread::available_parallelism().is_ok_and(|n| n.get() == count(cores));
    if is_complete { Ok(()) } else { Err(refused(cores)) }
}

/// How many different ones there are.
#[cfg(target_os = "linux")]
fn count(cores: &[usize]) -> usize {
    let mut cores = cores.to_vec();
    cores.sort_unstable();
    cores.dedup();
    cores.len()
}

#[cfg(target_os = "linux")]
fn refused(cores: &[usize]) -> String {
    let last = thread::available_parallelism().map_or(1, usize::from) - 1;
    format!("not all of the cores {cores:?} may be used: expected numbers from 0, such as {last}")
}

/// Has this thread, and all that it starts, run on these cores.
#[cfg(not(target_os = "linux"))]
pub fn restrict(cores: &[usize]) -> Result<(), String> {
    if cores.is_empty() { Ok(()) } else { Err("cores can be chosen on Linux only".into()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::check;

    #[test]
    fn cores_that_are_not_there_are_refused() {
        assert!(check(&[]).is_ok());
        assert!(check(&[1_000]).is_err() && check(&[100_000]).is_err());
    }
}
