//! Which sequence is whose: claiming, publishing, and how far readers may read.
//!
//! # Two phases
//! In the *owner's* phase one thread owns the [lane](crate::ring::lane) and numbers messages with plain
//! stores; `published` says how far readers may read. In the *shared* phase publishers claim from one
//! word by compare-and-swap, after they have seen that there is room, so that nothing is claimed that
//! may not be written; each message is published by the stamp beside its slot, so that publishers
//! never wait for each other. Readers need not know the phase: what `published` covers they may read,
//! and beyond it what is stamped.
//!
//! * *shared to owner*: the thread stops all claiming (a bit in the claim word), makes sure that all
//!   that was claimed is stamped, and publishes to there;
//! * *owner to shared*: another thread takes the lane (see there), waits for what the owner is writing, and
//!   opens the claim word at the next sequence.
//!
//! # Closing
//! Closing takes the lane and then closes the claim word for good. So every message is either claimed
//! before, and will be read by those who drain, or refused; and nobody looks at a flag for it.

use crossbeam_utils::CachePadded;

use crate::ring::gate::Gate;
use crate::ring::lane::{Lanes, Owner, Turn};
use crate::ring::sequence::{Claim, Claimed, Published, Sequence, Stamp};
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering, asymmetric, raise, thread_token};

/// In the shared phase, the publisher of every so manyth message looks whether it is alone.
const SAMPLE: u64 = if cfg!(any(stentor_loom, stentor_shuttle)) { 1 } else { 64 };

/// Why nothing was claimed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// A subscriber is a whole ring behind.
    Full,
    /// The bus is closed.
    Closed,
}

pub(crate) struct Sequencer {
    /// Slots in the ring, a power of two.
    capacity: u64,
    /// The last so many messages stay readable for late joiners.
    retain: u64,
    /// How far beyond the need a lossy subscriber is moved, so that it is not moved for every message.
    step: u64,
    /// How far the owner has published.
    published: CachePadded<Published>,
    /// Who owns the lane.
    owner: CachePadded<Owner>,
    /// Where the shared phase claims.
    claimed: CachePadded<Claimed>,
    /// In the shared phase, sequences below this may be claimed without a look at the gate.
    limit: CachePadded<AtomicU64>,
    /// One for each slot.
    stamps: Box<[Stamp]>,
    /// The subscribers' cursors.
    pub(crate) gate: CachePadded<Gate>,
    /// Held to change the phase.
    lanes: Mutex<Lanes>,
    /// Set after the claim word is closed, for those who have nothing to do with claiming.
    closed: AtomicBool,
}

impl Sequencer {
    pub(crate) fn new(capacity: u64, retain: u64, stamps: Box<[Stamp]>) -> Self {
        Self {
            capacity,
            retain,
            step: if capacity < 64 { 1 } else { capacity / 16 },
            published: CachePadded::new(Published::new()),
            owner: CachePadded::new(Owner::none()),
            claimed: CachePadded::new(Claimed::new()),
            limit: CachePadded::new(AtomicU64::new(0)),
            stamps,
            gate: CachePadded::new(Gate::new()),
            lanes: Mutex::new(Lanes::new()),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn retain(&self) -> u64 {
        self.retain
    }

    #[inline(always)]
    fn stamp(&self, sequence: Sequence) -> &Stamp {
        &self.stamps[(sequence & (self.capacity - 1)) as usize]
    }

    // ===== the owner's phase =====

    /// A turn for the calling thread, if it owns the lane. Not to be held across user code.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Option<Turn<'_>> {
        self.owner.enter(thread_token())
    }

    /// Whether the owner may write its next sequence.
    #[inline(always)]
    pub(crate) fn has_room(&self, turn: &Turn<'_>) -> bool {
        turn.next() < turn.limit() || self.look_for_room(turn)
    }

    #[cold]
    fn look_for_room(&self, turn: &Turn<'_>) -> bool {
        let next = turn.next();
        turn.set_limit(self.limit_for(next, || next));
        next < turn.limit()
    }

    /// Ends a turn by publishing the messages up to `end`.
    #[inline(always)]
    pub(crate) fn publish_turn(&self, turn: Turn<'_>, end: Sequence) {
        turn.publish(end, &self.published);
    }

    // ===== the shared phase =====

    /// Claims the next sequences, at most `most`, for the caller, who must write and
    /// [`Self::publish`] them. Gives the first and how many.
    #[inline]
    pub(crate) fn claim(&self, most: u64) -> Result<(Sequence, u64), Blocked> {
        loop {
            let seen = self.claimed.look();
            let sequence = seen.sequence();
            // SYNC POINT slots/limit: what the one who computed it saw of the cursors, we see.
            let limit = self.limit.load(Ordering::Acquire);
            if !seen.is_open() || sequence >= limit {
                self.prepare_to_claim(seen)?;
                continue;
            }
            let count = most.min(limit - sequence);
            if self.claimed.claim(seen, count) {
                return Ok((sequence, count));
            }
        }
    }

    /// Does what keeps the caller from claiming: shares the lane, or looks for room.
    #[cold]
    fn prepare_to_claim(&self, seen: Claim) -> Result<(), Blocked> {
        if seen.is_closed() {
            Err(Blocked::Closed)
        } else if seen.is_owned() {
            self.share();
            Ok(())
        } else if self.raise_limit(seen.sequence()) {
            Ok(())
        } else {
            Err(Blocked::Full)
        }
    }

    /// Publishes a claimed sequence.
    #[inline(always)]
    pub(crate) fn publish(&self, sequence: Sequence) {
        self.stamp(sequence).set(sequence);
    }

    /// All that was claimed from `first` up to `end` is published: perhaps the caller publishes alone.
    #[inline(always)]
    pub(crate) fn sample(&self, first: Sequence, end: Sequence) {
        if first / SAMPLE != end / SAMPLE {
            self.try_own();
        }
    }

    fn raise_limit(&self, sequence: Sequence) -> bool {
        let limit = self.limit_for(sequence, || self.find_frontier());
        // SYNC POINT slots/limit. A limit stays true once it is (see `Gate`), so the highest holds.
        raise(&self.limit, limit);
        sequence < limit
    }

    // ===== both =====

    /// The limit for claiming, given that somebody wants `sequence`.
    fn limit_for(&self, sequence: Sequence, frontier: impl Fn() -> Sequence) -> Sequence {
        // Nobody waits for a cursor at the frontier or beyond, but slots there are not all written,
        // and the last ones may be read by whoever joins.
        let ceiling = || frontier().saturating_sub(self.retain);
        let need = (sequence + 1).saturating_sub(self.capacity);
        self.gate.pass(ceiling, need, self.step, sequence) + self.capacity
    }

    /// The end of the messages that are published without a gap.
    pub(crate) fn frontier(&self) -> Sequence {
        let mut end = self.known_frontier();
        loop {
            while self.stamp(end).holds(end) {
                end += 1;
            }
            // The stamp may have been missing, or have gone on to the next lap under our eyes.
            let known = self.known_frontier();
            if known <= end {
                return end;
            }
            end = known;
        }
    }

    /// The same, noted for the next who looks, and for readers: what `published` covers is not looked
    /// at stamp by stamp.
    fn find_frontier(&self) -> Sequence {
        let end = self.frontier();
        self.published.raise(end);
        end
    }

    /// The part of it that follows from two words: a claim is only made when all of one lap before is
    /// published.
    fn known_frontier(&self) -> Sequence {
        let claimed = self.claimed.look().sequence();
        self.published.end().max(claimed.saturating_sub(self.capacity))
    }

    /// The next sequence to be published or claimed.
    pub(crate) fn head(&self) -> Sequence {
        let claim = self.claimed.look();
        // `published` is the later one while the lane is owned, and never later otherwise.
        self.published.end().max(claim.sequence())
    }

    /// How far a reader at `next` may read, looking at most `most` messages ahead.
    #[inline(always)]
    pub(crate) fn available(&self, next: Sequence, most: u64) -> Sequence {
        let published = self.published.end();
        if published > next {
            return published;
        }
        let mut end = next;
        while end < next + most && self.stamp(end).holds(end) {
            end += 1;
        }
        end
    }

    /// The end of the stream, once it is closed.
    #[inline(always)]
    pub(crate) fn end(&self) -> Option<Sequence> {
        // SYNC POINT closed/flag: the claim word is final.
        self.closed.load(Ordering::Acquire).then(|| self.claimed.look().sequence())
    }

    /// Ends the stream after what has been claimed. False if it had ended.
    pub(crate) fn close(&self) -> bool {
        let mut lanes = self.lanes.lock();
        self.share_locked(&mut lanes);
        self.claimed.close();
        // SYNC POINT closed/flag.
        !self.closed.swap(true, Ordering::AcqRel)
    }

    // ===== changing the phase =====

    /// Begins the shared phase.
    #[cold]
    fn share(&self) {
        self.share_locked(&mut self.lanes.lock());
    }

    fn share_locked(&self, lanes: &mut Lanes) {
        let Some(left) = self.owner.take(&self.published) else { return };
        raise(&self.limit, left.limit);
        self.claimed.share(left.next);
        lanes.was_taken();
    }

    /// Begins the owner's phase for the calling thread, if it has been publishing alone for a while.
    #[cold]
    fn try_own(&self) {
        if !asymmetric::available() {
            return;
        }
        let Some(mut lanes) = self.lanes.try_lock() else { return };
        let token = thread_token();
        let seen = self.claimed.look();
        let refused = seen.is_owned() || seen.is_closed();
        if !lanes.sample(token) || refused || !self.claimed.own(seen) {
            return;
        }
        let next = seen.sequence();
        if self.frontier() < next {
            // Somebody is still writing; another time.
            self.claimed.share(next);
            return;
        }
        // Whoever reads up to here by `published` sees what `frontier` has seen. Raised, so that every late
        // publisher's raising comes before what we shall set as the owner, and later ones find nothing to do.
        self.published.raise(next);
        self.owner.give(lanes.of(token), next, self.limit.load(Ordering::Acquire));
    }

    /// The number of messages ever accepted. The caller is alone with the ring.
    pub(crate) fn total(&mut self) -> Sequence {
        self.owner.next().unwrap_or_else(|| self.claimed.look().sequence())
    }
}
