//! Cores, and who sits on them.

use std::sync::{Mutex, PoisonError};

use core_affinity::CoreId;

/// Where a router's threads run.
///
/// Threads that a handler starts inherit its thread's core. Where the system has no notion of pinning, or
/// forbids it, threads run where the scheduler puts them, and [`RouterStats`](crate::RouterStats) says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pin {
    /// Where the scheduler puts them.
    #[default]
    No,
    /// Each on the core that the fewest router threads of this process sit on, of those that the thread that
    /// starts the router may run on: so never two on one core while another is free.
    Auto,
    /// The first thread on the first of these cores, and so on. Threads beyond the last stay unpinned.
    Cores(Vec<usize>),
}

impl From<Vec<usize>> for Pin {
    fn from(cores: Vec<usize>) -> Self {
        Self::Cores(cores)
    }
}

impl From<&[usize]> for Pin {
    fn from(cores: &[usize]) -> Self {
        Self::Cores(cores.to_vec())
    }
}

impl<const N: usize> From<[usize; N]> for Pin {
    fn from(cores: [usize; N]) -> Self {
        Self::Cores(cores.to_vec())
    }
}

/// Where a router's thread runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pinned {
    /// Where the scheduler puts it, as was asked.
    No,
    /// On this core.
    Core(usize),
    /// Where the scheduler puts it, although it was to be pinned.
    Refused {
        /// The core it was to be on, if one was chosen.
        core: Option<usize>,
        /// Why it is not.
        reason: &'static str,
    },
}

/// The cores that router threads of this process sit on, once for each thread.
static OCCUPIED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// More cores than this are beyond what the system call can name.
const MOST: usize = 1024;

/// A router thread's claim to a core.
struct Berth(usize);

impl Berth {
    /// The one that the fewest sit on; of these the last, for the first core often serves the devices.
    fn emptiest(cores: &[CoreId]) -> Option<Self> {
        let mut occupied = OCCUPIED.lock().unwrap_or_else(PoisonError::into_inner);
        let sitting = |core: &usize| occupied.iter().filter(|other| *other == core).count();
        let core = cores.iter().rev().map(|core| core.id).min_by_key(sitting)?;
        occupied.push(core);
        Some(Self(core))
    }

    fn on(core: usize) -> Self {
        OCCUPIED.lock().unwrap_or_else(PoisonError::into_inner).push(core);
        Self(core)
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        let mut occupied = OCCUPIED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = occupied.iter().position(|core| *core == self.0) {
            occupied.swap_remove(place);
        }
    }
}

/// What a thread is to do about its core. Its claim lasts as long as this.
pub(crate) struct Plan(Result<Option<Berth>, &'static str>);

impl Plan {
    /// A plan for each of so many threads.
    pub(crate) fn for_threads(pin: &Pin, threads: usize) -> Vec<Self> {
        let named = |thread: usize, cores: &[usize]| match cores.get(thread) {
            Some(core) => Ok(Some(Berth::on(*core))),
            None => Err("fewer cores were named than there are threads"),
        };
        let plan = |thread| match pin {
            Pin::No => Ok(None),
            Pin::Auto => Berth::emptiest(&core_affinity::get_core_ids().unwrap_or_default())
                .map(Some)
                .ok_or("the system names no cores"),
            Pin::Cores(cores) => named(thread, cores),
        };
        (0..threads).map(|thread| Self(plan(thread))).collect()
    }

    /// Pins the calling thread.
    pub(crate) fn carry_out(&self) -> Pinned {
        match &self.0 {
            Ok(None) => Pinned::No,
            Err(reason) => Pinned::Refused { core: None, reason },
            Ok(Some(Berth(core))) if *core < MOST && set(*core) => Pinned::Core(*core),
            Ok(Some(Berth(core))) => Pinned::Refused {
                core: Some(*core),
                reason: "the system does not let this thread run there",
            },
        }
    }
}

fn set(core: usize) -> bool {
    core_affinity::set_for_current(CoreId { id: core })
}
