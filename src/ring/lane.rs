//! The lane: one thread's right to publish with plain stores.
//!
//! Claiming by compare-and-swap costs every message a locked instruction, though most buses have one
//! publishing thread at a time. So a thread may *own the lane*: it then numbers messages with plain
//! loads and stores, until another thread wants to publish and takes the right away. It is a biased
//! lock, and the frequent side of its handshake is free because the rare side runs
//! [`heavy`](asymmetric::heavy):
//!
//! | owner, for each message | another thread, once |
//! |---|---|
//! | store `turn = busy with n` | store `owner = none` |
//! | light fence | heavy fence |
//! | load `owner`: still mine? | load `turn`: wait while it is busy with an n that is not published |
//! | write message n, publish it | share the lane |
//!
//! Either the owner sees that it is the owner no more, or the other thread sees it busy and waits. No
//! user code runs while the owner is busy, so that wait is for a few instructions, or until the owner
//! is scheduled again. Publishing one message ends the turn: a store less for every message, and it is the
//! stores that queue up while the line of `published` is away at its readers. A turn may also publish several.
//!
//! Each thread has a lane of its own per bus, which lives as long as the bus: a former owner that was
//! asleep all along may still store to *its* `turn`, and must not touch its successor's.

use std::ptr;

use crossbeam_utils::CachePadded;

use crate::ring::sequence::{Published, Sequence};
use crate::sync::{AtomicPtr, AtomicU64, Ordering, asymmetric, yield_now};

/// One thread's side of the handshake, and what it knows while it owns the lane.
pub(crate) struct Lane {
    /// The thread; it alone writes here while it is the owner.
    token: usize,
    /// What it is doing.
    state: LaneState,
    /// It may write below this; to go on it looks at the gate.
    limit: AtomicU64,
}

/// The next sequence its thread will write, times two; plus one where the thread is busy with it, or
/// has published it since.
struct LaneState(AtomicU64);

impl LaneState {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The thread begins a turn: gives the sequence it may write.
    #[inline(always)]
    fn begin(&self) -> Sequence {
        // Relaxed: the owner's own word; what makes it visible in time is the fence that follows.
        let word = self.0.load(Ordering::Relaxed);
        let next = (word >> 1) + (word & 1);
        self.0.store(next << 1 | 1, Ordering::Relaxed);
        next
    }

    /// The thread ends a turn in which it has published nothing, or more than one message, and will write
    /// `next`. SYNC POINT lane/state: what was written in the turn is visible to [`Self::wait`].
    #[inline(always)]
    fn end(&self, next: Sequence) {
        self.0.store(next << 1, Ordering::Release);
    }

    /// Waits until the thread is not busy; gives the next sequence it would have written.
    fn wait(&self, published: &Published) -> Sequence {
        loop {
            // SYNC POINT lane/state.
            let word = self.0.load(Ordering::Acquire);
            let (next, busy) = (word >> 1, word & 1 == 1);
            if !busy {
                return next;
            }
            // SYNC POINT messages/published.
            let end = published.end();
            if end > next {
                return end;
            }
            yield_now();
        }
    }

    /// The next sequence to be written. The caller is alone with the ring.
    fn rest(&self) -> Sequence {
        let word = self.0.load(Ordering::Relaxed);
        (word >> 1) + (word & 1)
    }
}

/// The owner's turn: it is busy until this is dropped, or the message is published.
pub(crate) struct Turn<'a> {
    lane: &'a Lane,
    next: Sequence,
}

impl Turn<'_> {
    /// The sequence that may be written, if it is below the limit.
    #[inline(always)]
    pub(crate) fn next(&self) -> Sequence {
        self.next
    }

    #[inline(always)]
    pub(crate) fn limit(&self) -> Sequence {
        // Relaxed: only the owner writes it, or a thread that has waited for it.
        self.lane.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limit(&self, limit: Sequence) {
        self.lane.limit.store(limit, Ordering::Relaxed);
    }

    /// Ends the turn by publishing the messages up to `end`.
    #[inline(always)]
    pub(crate) fn publish(mut self, end: Sequence, published: &Published) {
        published.set(end);
        if end == self.next + 1 {
            std::mem::forget(self);
        } else {
            self.next = end;
        }
    }
}

impl Drop for Turn<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lane.state.end(self.next);
    }
}

/// What a former owner leaves behind.
pub(crate) struct Left {
    pub(crate) next: Sequence,
    pub(crate) limit: Sequence,
}

/// Who owns the lane.
pub(crate) struct Owner(AtomicPtr<Lane>);

impl Owner {
    pub(crate) fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// A turn for the calling thread, if it is the owner.
    #[inline(always)]
    pub(crate) fn enter(&self, token: usize) -> Option<Turn<'_>> {
        // Acquire: SYNC POINT lane/owner, sees the lane that `give` filled in.
        let lane = self.0.load(Ordering::Acquire);
        // SAFETY: lanes live as long as the bus, and are only ever shared.
        let mine = unsafe { lane.as_ref() }?;
        if mine.token != token {
            return None;
        }
        let turn = Turn { lane: mine, next: mine.state.begin() };
        asymmetric::light();
        (self.0.load(Ordering::Relaxed) == lane).then_some(turn)
    }

    /// Makes the thread of `lane` the owner. Nobody owns it now, and nobody can claim.
    pub(crate) fn give(&self, lane: &Lane, next: Sequence, limit: Sequence) {
        lane.state.end(next);
        lane.limit.store(limit, Ordering::Relaxed);
        // SYNC POINT lane/owner.
        self.0.store(ptr::from_ref(lane).cast_mut(), Ordering::Release);
    }

    /// Takes the right away from whoever has it; on return it is not busy and will not be again.
    /// Callers take turns. Not to be called within a turn.
    pub(crate) fn take(&self, published: &Published) -> Option<Left> {
        let lane = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: as in `enter`.
        let lane = unsafe { lane.as_ref() }?;
        asymmetric::heavy();
        let next = lane.state.wait(published);
        Some(Left { next, limit: lane.limit.load(Ordering::Relaxed) })
    }

    /// How far the owner has got. The caller is alone with the ring.
    pub(crate) fn next(&self) -> Option<Sequence> {
        // SAFETY: as in `enter`.
        let lane = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        Some(lane.state.rest())
    }
}

/// The lanes of all threads that ever owned one, and who may own it next. Behind a lock.
pub(crate) struct Lanes {
    /// Boxed, so that they stay where they are.
    #[expect(clippy::vec_box, reason = "lanes are shared by address")]
    lanes: Vec<Box<CachePadded<Lane>>>,
    /// The thread whose publishing was last sampled, and how many samples in a row were its.
    streak: (usize, u64),
    /// How long a streak must be before its thread may own the lane; doubled each time one loses it,
    /// so that threads that publish in turns soon stay in the shared phase.
    patience: u64,
}

impl Lanes {
    /// The patience that is not exceeded: a streak of this many samples.
    const MOST_PATIENCE: u64 = 1 << 16;

    pub(crate) fn new() -> Self {
        Self { lanes: Vec::new(), streak: (0, 0), patience: 0 }
    }

    /// Notes that `token` has published; true if it has done so alone for long enough.
    pub(crate) fn sample(&mut self, token: usize) -> bool {
        let (last, run) = self.streak;
        self.streak = (token, if last == token { run + 1 } else { 0 });
        self.streak.1 >= self.patience
    }

    /// An owner has been stopped by another publisher.
    pub(crate) fn was_taken(&mut self) {
        self.streak = (0, 0);
        self.patience = (self.patience * 2).clamp(16, Self::MOST_PATIENCE);
    }

    /// The lane of a thread.
    pub(crate) fn of(&mut self, token: usize) -> &Lane {
        let known = self.lanes.iter().position(|lane| lane.token == token);
        let index = known.unwrap_or_else(|| {
            self.lanes.push(Box::new(CachePadded::new(Lane {
                token,
                state: LaneState::new(),
                limit: AtomicU64::new(0),
            })));
            self.lanes.len() - 1
        });
        &self.lanes[index]
    }
}
