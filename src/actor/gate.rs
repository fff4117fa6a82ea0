//! Sends against shutdown: who has been let in is waited for, and after that nobody is let in.
//!
//! Each lane is one word, of which the lowest bit says closed and the others count who is inside. Entering adds
//! to the count and learns of the bit in one step, so a send is either counted before the lane is closed, and
//! waited for, or turned away. Lanes are there so that senders do not fight for one cache line.

use std::future::poll_fn;
use std::task::Poll;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicUsize, AtomicWaker, Ordering};

const LANES: usize = if cfg!(stentor_loom) { 1 } else { 16 };
const CLOSED: usize = 1;
const ONE: usize = 2;

#[derive(Default)]
struct Lane(AtomicUsize);

impl Lane {
    /// Counts one; whether it may be inside.
    #[inline(always)]
    fn enter(&self) -> bool {
        // Relaxed: who is let in learns nothing by it.
        self.0.fetch_add(ONE, Ordering::Relaxed) & CLOSED == 0
    }

    /// Whether it was the last of a closed lane.
    #[inline(always)]
    fn leave(&self) -> bool {
        // SYNC POINT gate: what was published inside is seen by who finds the lane empty.
        self.0.fetch_sub(ONE, Ordering::Release) == CLOSED + ONE
    }

    fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        // SYNC POINT gate: with `leave`.
        self.0.load(Ordering::Acquire) < ONE + CLOSED
    }
}

pub(crate) struct Gate {
    lanes: [CachePadded<Lane>; LANES],
    /// Of who waits until all are out.
    waker: AtomicWaker,
}

/// Is inside until it is dropped.
pub(crate) struct Permit<'a> {
    gate: &'a Gate,
    lane: usize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { lanes: Default::default(), waker: AtomicWaker::new() }
    }

    /// Lets one in, unless it is closed. The hint chooses the lane.
    #[inline(always)]
    pub(crate) fn enter(&self, hint: usize) -> Option<Permit<'_>> {
        let lane = hint % LANES;
        let is_open = self.lanes[lane].enter();
        // Who is turned away was counted for a moment, and leaves like the others.
        let permit = Permit { gate: self, lane };
        is_open.then_some(permit)
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.lanes.iter().for_each(|lane| lane.close());
    }

    /// Waits until all who are inside have left; one at a time waits.
    pub(crate) async fn emptied(&self) {
        let is_empty = || self.lanes.iter().all(|lane| lane.is_empty());
        poll_fn(|cx| {
            if is_empty() {
                return Poll::Ready(());
            }
            self.waker.register(cx.waker());
            if is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Permit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.gate.lanes[self.lane].leave() {
            self.gate.waker.wake();
        }
    }
}
