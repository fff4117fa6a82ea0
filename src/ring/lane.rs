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
//! | store `busy = true` | store `owner = none` |
//! | light fence | heavy fence |
//! | load `owner`: still mine? | load `busy`: wait until it is false |
//! | write and publish the message | publish what the owner has written, share the lane |
//! | store `busy = false` | |
//!
//! Either the owner sees that it is the owner no more, or the other thread sees it busy and waits. No
//! user code runs while the owner is busy, so that wait is for a few instructions, or until the owner
//! is scheduled again.
//!
//! Each thread has a lane of its own per bus, which lives as long as the bus: a former owner that was
//! asleep all along may still store to *its* `busy`, and must not clear its successor's.

use std::ptr;

use crossbeam_utils::CachePadded;

use crate::ring::sequence::Sequence;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering, asymmetric, yield_now};

/// One thread's side of the handshake, and what it knows while it owns the lane.
pub(crate) struct Lane {
    /// The thread; it alone writes here while it is the owner.
    token: usize,
    /// The thread is between `enter` and the end of its turn.
    busy: AtomicBool,
    /// The next sequence it will write.
    next: AtomicU64,
    /// It may write below this; to go on it looks at the gate.
    limit: AtomicU64,
}

/// The owner's turn: it is busy until this is dropped.
pub(crate) struct Turn<'a>(&'a Lane);

impl Turn<'_> {
    #[inline(always)]
    pub(crate) fn next(&self) -> Sequence {
        // Relaxed, like all but `busy` here: only the owner writes, or a thread that has waited for it.
        self.0.next.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn limit(&self) -> Sequence {
        self.0.limit.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set_next(&self, next: Sequence) {
        self.0.next.store(next, Ordering::Relaxed);
    }

    pub(crate) fn set_limit(&self, limit: Sequence) {
        self.0.limit.store(limit, Ordering::Relaxed);
    }
}

impl Drop for Turn<'_> {
    /// SYNC POINT lane/busy: what was written in the turn is visible to `take`.
    #[inline(always)]
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Release);
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
        mine.busy.store(true, Ordering::Relaxed);
        let turn = Turn(mine);
        asymmetric::light();
        (self.0.load(Ordering::Relaxed) == lane).then_some(turn)
    }

    /// Makes the thread of `lane` the owner. Nobody owns it now, and nobody can claim.
    pub(crate) fn give(&self, lane: &Lane, next: Sequence, limit: Sequence) {
        lane.next.store(next, Ordering::Relaxed);
        lane.limit.store(limit, Ordering::Relaxed);
        // SYNC POINT lane/owner.
        self.0.store(ptr::from_ref(lane).cast_mut(), Ordering::Release);
    }

    /// Takes the right away from whoever has it; on return it is not busy and will not be again.
    /// Callers take turns. Not to be called within a turn.
    pub(crate) fn take(&self) -> Option<Left> {
        let lane = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: as in `enter`.
        let lane = unsafe { lane.as_ref() }?;
        asymmetric::heavy();
        // SYNC POINT lane/busy.
        while lane.busy.load(Ordering::Acquire) {
            yield_now();
        }
        Some(Left {
            next: lane.next.load(Ordering::Relaxed),
            limit: lane.limit.load(Ordering::Relaxed),
        })
    }

    /// How far the owner has got, roughly.
    pub(crate) fn next(&self) -> Option<Sequence> {
        // SAFETY: as in `enter`.
        let lane = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        Some(lane.next.load(Ordering::Relaxed))
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
                busy: AtomicBool::new(false),
                next: AtomicU64::new(0),
                limit: AtomicU64::new(0),
            })));
            self.lanes.len() - 1
        });
        &self.lanes[index]
    }
}
