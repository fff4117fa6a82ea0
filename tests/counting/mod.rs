//! An allocator that counts, for the tests that nothing is allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is `System`'s; the counter neither allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What this thread has allocated so far.
pub fn allocated() -> u64 {
    ALLOCATIONS.get()
}

/// What `step` allocates in 2,000 turns, after as many to warm up: a thread that goes on alone after a
/// second one has left is given its lane once, after some thousand messages.
pub fn allocations(mut step: impl FnMut()) -> u64 {
    (0..2_000).for_each(|_| step());
    let before = allocated();
    (0..2_000).for_each(|_| step());
    allocated() - before
}
