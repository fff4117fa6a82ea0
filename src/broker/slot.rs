//! One place for a request that waits for its reply, and who may do what to it.
//!
//! | from | to | who, and when |
//! |---|---|---|
//! | `FREE` | `SETTING` | a caller has chosen the place; generation + 1 |
//! | `SETTING` | `WAITING` | the same, once the names are in it |
//! | `WAITING` | `LISTENING` | the caller has left its waker; all that is said of `WAITING` holds here |
//! | `WAITING` | `REPLYING` | whoever publishes the reply |
//! | `REPLYING` | `READY` | the same, once the reply is in it; then wakes the caller if that listened |
//! | `READY` | `FREE` | the caller, once it has taken the reply out |
//! | `WAITING` | `FREE` | the caller gives up: timed out, closed or dropped |
//! | `REPLYING` | `LEFT` | the caller is dropped at just that moment |
//! | `LEFT` | `FREE` | whoever publishes the reply, which is late |
//!
//! A caller that cannot begin to listen because the reply is on its way looks again soon: nobody will wake it.
//!
//! A reply and a caller that gives up both leave `WAITING` by compare-and-swap, so one of them is first;
//! the generation keeps either from taking a later request for its own.

use std::mem::MaybeUninit;

use crate::broker::dead_letter::DeadLetterReason;
use crate::envelope::{MessageEnvelope, MessageMetadata, Unique};
use crate::sync::{AtomicU64, AtomicWaker, Ordering, UnsafeCell, fence};

/// Where a request is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Phase {
    Free,
    Setting,
    Waiting,
    Listening,
    Replying,
    Ready,
    Left,
}

impl Phase {
    /// The caller waits, and there is no reply yet.
    fn is_waiting(self) -> bool {
        matches!(self, Self::Waiting | Self::Listening)
    }
}

/// The lower bits of the state word are the phase.
const PHASE_BITS: u32 = 3;
const PHASES: [Phase; 7] = [
    Phase::Free,
    Phase::Setting,
    Phase::Waiting,
    Phase::Listening,
    Phase::Replying,
    Phase::Ready,
    Phase::Left,
];

/// Counts the requests that a place has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(pub(crate) u64);

/// The state word: generation and phase.
struct State(AtomicU64);

impl State {
    #[inline]
    fn load(&self) -> (Generation, Phase) {
        // SYNC POINT names: with what `open` releases. SYNC POINT reply: with `set_ready`.
        let word = self.0.load(Ordering::Acquire);
        (Generation(word >> PHASE_BITS), PHASES[(word & ((1 << PHASE_BITS) - 1)) as usize])
    }

    #[inline]
    fn change(&self, generation: Generation, from: Phase, to: Phase, success: Ordering) -> bool {
        let word = |phase| generation.0 << PHASE_BITS | phase as u64;
        self.0.compare_exchange(word(from), word(to), success, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn set(&self, generation: Generation, to: Phase) {
        self.0.store(generation.0 << PHASE_BITS | to as u64, Ordering::Release);
    }
}

/// A name that may be read while it is overwritten; whoever does so looks at the state again.
struct Name {
    prefix: AtomicU64,
    number: AtomicU64,
}

impl Name {
    fn new() -> Self {
        Self { prefix: AtomicU64::new(0), number: AtomicU64::new(0) }
    }

    // Relaxed: ordered by the state word, see `Slot::examine`.

    #[inline]
    fn set(&self, name: Option<Unique>) {
        self.prefix.store(name.map_or(0, |name| name.prefix.get()), Ordering::Relaxed);
        self.number.store(name.map_or(0, |name| name.number), Ordering::Relaxed);
    }

    #[inline]
    fn is(&self, name: Unique) -> bool {
        self.number.load(Ordering::Relaxed) == name.number
            && self.prefix.load(Ordering::Relaxed) == name.prefix.get()
    }

    #[inline]
    fn is_some(&self) -> bool {
        self.prefix.load(Ordering::Relaxed) != 0
    }
}

/// What an envelope is to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Examined {
    /// The request here has, or had, another correlation id.
    Unrelated,
    /// The ids are the same, but it is the request itself, or is sent on to somebody else.
    NotTheReply,
    /// It is the reply that the caller waits for.
    Awaited(Generation),
    /// It is a reply, and the request is over.
    Late,
}

/// What a caller gets: the reply, or why nobody will handle its request.
pub(crate) type Ending<M> = Result<MessageEnvelope<M>, DeadLetterReason>;

/// Moves what is at `from` to `to`, where nothing is: copied once, for it may be large.
#[inline(always)]
fn hand_on<T>(from: &mut Option<T>, to: &mut Option<T>) {
    debug_assert!(to.is_none());
    // SAFETY: both are ours, and nothing at `to` is lost; what was at `from` is only at `to` afterwards.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, 1);
        std::ptr::write(from, None);
    }
}

/// Moves the reply that is at `from`, if one is, to `to`: copied once. Whether there was one.
#[inline(always)]
pub(crate) fn hand_reply<M>(
    from: &mut Option<Ending<M>>,
    to: &mut MaybeUninit<MessageEnvelope<M>>,
) -> bool {
    let Some(Ok(reply)) = from else { return false };
    // SAFETY: both are ours; what was at `from` is only at `to` afterwards.
    unsafe {
        std::ptr::copy_nonoverlapping(reply, to.as_mut_ptr(), 1);
        std::ptr::write(from, None);
    }
    true
}

/// How a caller has left.
pub(crate) enum Left<M> {
    /// The place is free; the reply, if it was there.
    Free(Option<Ending<M>>),
    /// Whoever replies at this moment frees the place.
    ToReplier,
}

/// What came of a reply.
pub(crate) enum Replied {
    /// The caller has it.
    Handed,
    /// The request is over.
    Late,
    /// The caller left at this moment: the place is free now.
    Freed,
}

pub(crate) struct Slot<M> {
    state: State,
    correlation_id: Name,
    message_id: Name,
    /// The address a reply goes to, if the request names one.
    back: Name,
    /// See the clock of the table; `u64::MAX` for never.
    deadline: AtomicU64,
    /// The caller's.
    pub(crate) waker: AtomicWaker,
    reply: UnsafeCell<Option<Ending<M>>>,
}

// SAFETY: `reply` is touched by one thread at a time, the one that the phase names: who has made it
// `Replying`, until that is over, then the caller. So envelopes move between threads, and are never shared.
unsafe impl<M: Send> Sync for Slot<M> {}

impl<M> Slot<M> {
    pub(crate) fn new() -> Self {
        Self {
            state: State(AtomicU64::new(0)),
            correlation_id: Name::new(),
            message_id: Name::new(),
            back: Name::new(),
            deadline: AtomicU64::new(u64::MAX),
            waker: AtomicWaker::new(),
            reply: UnsafeCell::new(None),
        }
    }

    // ===== the caller =====

    /// Takes a free place.
    pub(crate) fn try_claim(&self) -> Option<Generation> {
        let (generation, phase) = self.state.load();
        if phase != Phase::Free {
            return None;
        }
        let next = Generation(generation.0 + 1);
        let word = |generation: Generation, phase| generation.0 << PHASE_BITS | phase as u64;
        let (from, to) = (word(generation, Phase::Free), word(next, Phase::Setting));
        // Relaxed: the load has acquired the free place, and with it that it is empty.
        let claimed = self.state.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
        // Orders the names that follow after the change of state, for `examine`.
        fence(Ordering::Release);
        claimed.is_ok().then_some(next)
    }

    /// Lets replies come to the place that the caller has claimed.
    pub(crate) fn open(
        &self,
        generation: Generation,
        request: &MessageMetadata,
        id: Unique,
        deadline: u64,
    ) {
        self.correlation_id.set(Some(id));
        self.message_id.set(Some(request.message_id.0));
        self.back.set(request.reply_to.or(request.sender).map(|address| address.0));
        self.deadline.store(deadline, Ordering::Relaxed);
        // SYNC POINT names: the names are in place for who loads this state.
        self.state.set(generation, Phase::Waiting);
    }

    /// The caller has left its waker; false if whoever replies does not know of it.
    pub(crate) fn listen(&self, generation: Generation) -> bool {
        // SYNC POINT listening: the waker is there for who finds us listening.
        self.state.change(generation, Phase::Waiting, Phase::Listening, Ordering::Release)
            || self.state.load() == (generation, Phase::Listening)
    }

    /// Whether the reply is there.
    #[inline]
    pub(crate) fn is_ready(&self, generation: Generation) -> bool {
        self.state.load() == (generation, Phase::Ready)
    }

    /// Whether what is there ([`Self::is_ready`]) is a reply.
    #[inline(always)]
    pub(crate) fn is_answered(&self, generation: Generation) -> bool {
        debug_assert!(self.is_ready(generation));
        // SAFETY: as in `take`.
        self.reply.with(|place| matches!(unsafe { &*place }, Some(Ok(_))))
    }

    /// Takes out by `take` what is there ([`Self::is_ready`]); the place is free then, and what is left in it dropped.
    #[inline(always)]
    pub(crate) fn take<T>(
        &self,
        generation: Generation,
        take: impl FnOnce(&mut Option<Ending<M>>) -> T,
    ) -> T {
        debug_assert!(self.is_ready(generation));
        let taken = self.reply.with_mut(|place| {
            // SAFETY: the phase is `Ready`, and we are the caller: nobody else touches the reply until the
            // place is free.
            let place = unsafe { &mut *place };
            let taken = take(place);
            drop(place.take());
            taken
        });
        // SYNC POINT free: with `try_claim`.
        self.state.set(generation, Phase::Free);
        taken
    }

    /// Gives up, unless a reply is there or on its way: then false.
    pub(crate) fn give_up(&self, generation: Generation) -> bool {
        // Relaxed: nothing has been in the place, and the change goes on with what `open` has released.
        self.state.change(generation, Phase::Waiting, Phase::Free, Ordering::Relaxed)
            || self.state.change(generation, Phase::Listening, Phase::Free, Ordering::Relaxed)
    }

    /// Gives up in any case.
    pub(crate) fn leave(&self, generation: Generation) -> Left<M> {
        if self.give_up(generation) {
            Left::Free(None)
        } else if self.state.change(generation, Phase::Replying, Phase::Left, Ordering::Relaxed) {
            Left::ToReplier
        } else {
            let is_ready = self.is_ready(generation);
            Left::Free(if is_ready { self.take(generation, Option::take) } else { None })
        }
    }

    // ===== who replies =====

    /// Finds out what an envelope of this metadata is to the request here.
    pub(crate) fn examine(&self, metadata: &MessageMetadata, id: Unique) -> Examined {
        let (generation, phase) = self.state.load();
        if phase == Phase::Setting || !self.correlation_id.is(id) {
            return Examined::Unrelated;
        }
        let is_reply = self.is_reply(metadata);
        // If a name above was one of a later request, then so is the state below: the fence in
        // `try_claim` has released it before the name.
        fence(Ordering::Acquire);
        let (now, _) = self.state.load();
        match phase {
            _ if now != generation => Examined::Unrelated,
            _ if !is_reply => Examined::NotTheReply,
            _ if phase.is_waiting() => Examined::Awaited(generation),
            _ => Examined::Late,
        }
    }

    /// A reply goes back; what has no address may go back unless it wants a reply itself.
    fn is_reply(&self, metadata: &MessageMetadata) -> bool {
        if self.message_id.is(metadata.message_id.0) {
            return false;
        }
        match metadata.recipient {
            Some(to) if self.back.is_some() => self.back.is(to.0),
            _ => metadata.reply_to.is_none(),
        }
    }

    /// Hands the reply, which is there, to the caller; otherwise it is still there afterwards.
    #[inline(always)]
    pub(crate) fn reply(&self, generation: Generation, reply: &mut Option<Ending<M>>) -> Replied {
        // Relaxed: `examine` has acquired this generation, and with it that the place is empty.
        let listens =
            !self.state.change(generation, Phase::Waiting, Phase::Replying, Ordering::Relaxed);
        // SYNC POINT listening: with `listen`.
        if listens
            && !self.state.change(generation, Phase::Listening, Phase::Replying, Ordering::Acquire)
        {
            return Replied::Late;
        }
        // SAFETY: the phase is `Replying`, and we have made it so: the reply is ours.
        self.reply.with_mut(|place| hand_on(reply, unsafe { &mut *place }));
        // SYNC POINT reply: it is in place for who loads `Ready`.
        if self.state.change(generation, Phase::Replying, Phase::Ready, Ordering::Release) {
            if listens {
                self.waker.wake();
            }
            return Replied::Handed;
        }
        // SAFETY: the phase is `Left`: the caller is gone, and the place is still ours.
        self.reply.with_mut(|place| hand_on(unsafe { &mut *place }, reply));
        self.state.set(generation, Phase::Free);
        Replied::Freed
    }

    // ===== those who look on =====

    /// Whether a request of this id waits here.
    pub(crate) fn is_waiting_for(&self, id: Unique) -> bool {
        self.while_waiting(|slot| slot.correlation_id.is(id)) == Some(true)
    }

    /// The generation of this request, if it waits here.
    pub(crate) fn waits_with(&self, id: Unique, message: Unique) -> Option<Generation> {
        self.while_waiting(|slot| {
            let is_it = slot.correlation_id.is(id) && slot.message_id.is(message);
            is_it.then(|| slot.state.load().0)
        })?
    }

    /// When the time of the request that waits here is out.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.while_waiting(|slot| slot.deadline.load(Ordering::Relaxed))
    }

    /// What `look` finds while one and the same request waits here.
    fn while_waiting<R>(&self, look: impl FnOnce(&Self) -> R) -> Option<R> {
        let before = self.state.load();
        if !before.1.is_waiting() {
            return None;
        }
        let found = look(self);
        // As in `examine`.
        fence(Ordering::Acquire);
        let (generation, phase) = self.state.load();
        (generation == before.0 && phase.is_waiting()).then_some(found)
    }
}
