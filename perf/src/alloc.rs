//! A global allocator that counts: allocations per message are part of every result.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize, Ordering},
};

/// Counters, so that threads do not meet on one cache line. A power of two.
const SHARDS: usize = 64;

/// A counter on cache lines of its own.
#[repr(align(128))]
struct Shard(AtomicU64);

/// Allocations so far, by shard.
static COUNTS: [Shard; SHARDS] = [const { Shard(AtomicU64::new(0)) }; SHARDS];
/// Whether bytes are counted as well: only where a row asks for it.
static WEIGHED: AtomicBool = AtomicBool::new(false);
/// Bytes taken less bytes given back since they are counted.
static HELD: AtomicIsize = AtomicIsize::new(0);
/// The shard that the next new thread gets.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread's shard; `usize::MAX` until its first allocation.
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The system's allocator, counted.
pub struct Counting;

/// Allocations made by this process so far.
pub fn count() -> u64 {
    COUNTS.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum()
}

/// Counts bytes from now on.
pub fn weigh() {
    WEIGHED.store(true, Ordering::Relaxed);
}

/// Bytes held more than when [`weigh`] was called.
pub fn held() -> isize {
    HELD.load(Ordering::Relaxed)
}

/// Counts bytes that were taken, or given back.
#[inline]
fn hold(bytes: isize) {
    // Relaxed: as in `note`.
    if WEIGHED.load(Ordering::Relaxed) {
        HELD.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Counts one allocation of this thread.
#[inline]
fn note() {
    let shard = SHARD.try_with(own_shard).unwrap_or(0);
    // Relaxed: a statistic, read when the threads have nothing more to count.
    COUNTS[shard % SHARDS].0.fetch_add(1, Ordering::Relaxed);
}

/// This thread's shard, chosen at its first allocation.
#[inline]
fn own_shard(shard: &Cell<usize>) -> usize {
    if shard.get() == usize::MAX {
        shard.set(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    shard.get()
}

// SAFETY: every call is passed on unchanged to the system's allocator, which keeps the trait's
// promises; counting neither allocates nor panics (the thread-local is constant-initialised and has
// no destructor).
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        hold(layout.size() as isize);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        hold(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        hold(size as isize - layout.size() as isize);
        // SAFETY: as above; `pointer` came from `System` because every allocation does.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        hold(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
