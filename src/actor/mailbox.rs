//! One mailbox: who pushes, who takes, and who closes it, all under one lock that is held for a few moves.
//!
//! Whoever pushes says for which tenancy; once the tenant has moved out, or another has moved in, nothing is
//! accepted. So a message is either in the queue before the mailbox is vacated, and given to who vacates it, or
//! it comes back. What the actor has taken and not handled yet (`in_hand`) counts against the capacity; it is
//! the one thing that is read without the lock, by who pushes, and may then look larger than it is.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::actor::actor::Terminated;
use crate::envelope::{ActorAddress, MessageEnvelope, Timestamp};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering};

/// What happens to messages for a mailbox that is full. Whatever is dropped becomes a dead letter
/// ([`MailboxFull`](crate::DeadLetterReason::MailboxFull)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailboxPolicy {
    /// The router waits for room for at most this long, and with it everybody whose messages it
    /// routes; then the message is dropped.
    Backpressure(Duration),
    /// The message is dropped.
    DropNewest,
    /// The oldest message in the mailbox is dropped.
    DropOldest,
    /// A send that finds the mailbox full gives the message back. (One that finds room, and a full mailbox when
    /// it arrives, is dropped.)
    Fail,
}

impl Default for MailboxPolicy {
    /// `Backpressure` for 100 ms.
    fn default() -> Self {
        Self::Backpressure(Duration::from_millis(100))
    }
}

/// What the system tells an actor: beside the messages, and never dropped.
#[derive(Debug)]
pub(crate) enum Control {
    /// End after the message in hand.
    Stop,
    Terminated(Terminated),
    /// A child has escalated its panic.
    Escalated(ActorAddress, String),
}

/// What an actor finds.
pub(crate) enum Taken {
    /// Messages, in its hand.
    Messages,
    Control(Control),
    /// There is nothing, and there will be nothing more.
    Drained,
}

/// What came of a message.
pub(crate) enum Pushed<M> {
    Accepted,
    /// Accepted, and this one dropped for it.
    Evicted(MessageEnvelope<M>),
    /// There is no room; here is the message.
    Full(MessageEnvelope<M>),
}

/// Who lives here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Vacant,
    Open,
    /// Nothing is accepted any more; what is there will be handled.
    Draining,
}

struct Inner<M> {
    phase: Phase,
    policy: MailboxPolicy,
    capacity: usize,
    tenancy: u64,
    high_water: usize,
    queue: VecDeque<MessageEnvelope<M>>,
    /// The control lane: made when something comes, for most actors are told nothing but to stop.
    #[expect(clippy::box_collection, reason = "a quarter of its size, in every actor")]
    control: Option<Box<VecDeque<Control>>>,
    /// What comes after the control lane is the end.
    stops: bool,
    /// Of the actor, when it sleeps.
    reader: Option<Waker>,
    /// Of a router that waits for room.
    room: Option<Waker>,
}

pub(crate) struct Mailbox<M> {
    inner: Mutex<Inner<M>>,
    /// Messages that the actor has taken and not begun to handle.
    in_hand: AtomicUsize,
    /// There is something in the control lane.
    has_control: AtomicBool,
    /// A router waits for room.
    wants_room: AtomicBool,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        let inner = Inner {
            phase: Phase::Vacant,
            policy: MailboxPolicy::DropNewest,
            capacity: 0,
            tenancy: 0,
            high_water: 0,
            queue: VecDeque::new(),
            control: None,
            stops: false,
            reader: None,
            room: None,
        };
        Self {
            inner: Mutex::new(inner),
            in_hand: AtomicUsize::new(0),
            has_control: AtomicBool::new(false),
            wants_room: AtomicBool::new(false),
        }
    }
}

/// How full a mailbox is, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) depth: usize,
    pub(crate) high_water: usize,
    pub(crate) capacity: usize,
    /// When the first message in the queue was published.
    pub(crate) oldest: Option<Timestamp>,
}

impl<M> Mailbox<M> {
    /// A tenant moves in.
    pub(crate) fn open(&self, tenancy: u64, capacity: usize, policy: MailboxPolicy) {
        let mut inner = self.inner.lock();
        (inner.phase, inner.tenancy, inner.high_water) = (Phase::Open, tenancy, 0);
        (inner.capacity, inner.policy) = (capacity, policy);
        self.set_in_hand(0);
        self.has_control.store(false, Ordering::Relaxed);
    }

    /// The tenant moves out; what is left comes back.
    pub(crate) fn vacate(&self) -> VecDeque<MessageEnvelope<M>> {
        let mut inner = self.inner.lock();
        inner.phase = Phase::Vacant;
        (inner.control, inner.stops) = (None, false);
        let (left, reader, room) =
            (std::mem::take(&mut inner.queue), inner.reader.take(), inner.room.take());
        self.wants_room.store(false, Ordering::Relaxed);
        self.set_in_hand(0);
        drop(inner);
        drop(reader);
        wake(room);
        left
    }

    // ===== who pushes =====

    /// The way in, for several messages in a row; `None` if this tenant is gone, or takes no more.
    #[inline]
    pub(crate) fn pusher(&self, tenancy: u64) -> Option<Pusher<'_, M>> {
        let inner = self.inner.lock();
        let is_open = inner.phase == Phase::Open && inner.tenancy == tenancy;
        is_open.then(|| Pusher { in_hand: &self.in_hand, inner })
    }

    /// Tells the tenant something; false if it is gone.
    pub(crate) fn tell(&self, tenancy: u64, control: Control) -> bool {
        let mut inner = self.inner.lock();
        if inner.phase == Phase::Vacant || inner.tenancy != tenancy {
            return false;
        }
        match control {
            Control::Stop => inner.stops = true,
            other => inner.control.get_or_insert_default().push_back(other),
        }
        // Relaxed: a hint; the lane itself is looked at under the lock.
        self.has_control.store(true, Ordering::Relaxed);
        let reader = inner.reader.take();
        drop(inner);
        wake(reader);
        true
    }

    /// Accepts nothing any more; the tenant will find out when it has taken all there is.
    pub(crate) fn drain(&self, tenancy: u64) {
        let mut inner = self.inner.lock();
        if inner.phase == Phase::Open && inner.tenancy == tenancy {
            inner.phase = Phase::Draining;
            let (reader, room) = (inner.reader.take(), inner.room.take());
            drop(inner);
            wake(reader);
            wake(room);
        }
    }

    /// Ready when there is room, or nobody takes messages any more.
    pub(crate) fn poll_room(&self, tenancy: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner.lock();
        let is_open = inner.phase == Phase::Open && inner.tenancy == tenancy;
        let held = inner.queue.len() + self.in_hand.load(Ordering::Relaxed);
        if !is_open || held < inner.capacity {
            return Poll::Ready(());
        }
        inner.room = Some(cx.waker().clone());
        self.wants_room.store(true, Ordering::Relaxed);
        // The actor may have handled something before it could see that flag.
        let held = inner.queue.len() + self.in_hand.load(Ordering::Relaxed);
        if held < inner.capacity { Poll::Ready(()) } else { Poll::Pending }
    }

    // ===== the actor =====

    /// Takes what there is: control first, then all messages (of `DropOldest` one, for the others must stay
    /// where they can be dropped). Leaves the task's waker if there is nothing.
    pub(crate) fn poll_take(
        &self,
        hand: &mut VecDeque<MessageEnvelope<M>>,
        cx: &mut Context<'_>,
    ) -> Poll<Taken> {
        let mut inner = self.inner.lock();
        if let Some(control) = self.take_control(&mut inner) {
            return Poll::Ready(Taken::Control(control));
        }
        if !hand.is_empty() {
            return Poll::Ready(Taken::Messages);
        }
        if inner.queue.is_empty() {
            let room = self.give_room(&mut inner);
            let taken = if inner.phase == Phase::Draining {
                Poll::Ready(Taken::Drained)
            } else {
                if !inner.reader.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                    inner.reader = Some(cx.waker().clone());
                }
                Poll::Pending
            };
            drop(inner);
            wake(room);
            return taken;
        }
        if inner.policy == MailboxPolicy::DropOldest {
            hand.extend(inner.queue.pop_front());
        } else {
            std::mem::swap(hand, &mut inner.queue);
        }
        self.set_in_hand(hand.len());
        let room = self.give_room(&mut inner);
        drop(inner);
        wake(room);
        Poll::Ready(Taken::Messages)
    }

    /// Takes from the control lane alone. Leaves the task's waker if there is nothing.
    pub(crate) fn poll_control(&self, cx: &mut Context<'_>) -> Poll<Control> {
        let mut inner = self.inner.lock();
        match self.take_control(&mut inner) {
            Some(control) => Poll::Ready(control),
            None => {
                inner.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The next in the control lane, or that the actor is to stop.
    #[inline]
    fn take_control(&self, inner: &mut Inner<M>) -> Option<Control> {
        if let Some(lane) = &mut inner.control
            && let Some(control) = lane.pop_front()
        {
            self.has_control.store(inner.stops || !lane.is_empty(), Ordering::Relaxed);
            return Some(control);
        }
        let stops = std::mem::take(&mut inner.stops);
        if stops {
            self.has_control.store(false, Ordering::Relaxed);
        }
        stops.then_some(Control::Stop)
    }

    /// The actor begins with a message; so many more are in its hand.
    #[inline]
    pub(crate) fn begin(&self, in_hand: usize) {
        self.set_in_hand(in_hand);
        if self.wants_room.load(Ordering::Relaxed) {
            self.offer_room();
        }
    }

    /// Whether the control lane wants to be looked at.
    #[inline]
    pub(crate) fn has_control(&self) -> bool {
        self.has_control.load(Ordering::Relaxed)
    }

    /// Takes what is in the queue, without handling it.
    pub(crate) fn clear(&self) -> VecDeque<MessageEnvelope<M>> {
        let mut inner = self.inner.lock();
        self.set_in_hand(0);
        let left = std::mem::take(&mut inner.queue);
        let room = self.give_room(&mut inner);
        drop(inner);
        wake(room);
        left
    }

    #[cold]
    fn offer_room(&self) {
        let mut inner = self.inner.lock();
        let room = self.give_room(&mut inner);
        drop(inner);
        wake(room);
    }

    /// The router that waits for room, once there is some worth waking it for.
    fn give_room(&self, inner: &mut Inner<M>) -> Option<Waker> {
        let held = inner.queue.len() + self.in_hand.load(Ordering::Relaxed);
        let worth = (inner.capacity / 4).clamp(1, 16);
        if held + worth > inner.capacity {
            return None;
        }
        self.wants_room.store(false, Ordering::Relaxed);
        inner.room.take()
    }

    fn set_in_hand(&self, in_hand: usize) {
        // Relaxed: see above.
        self.in_hand.store(in_hand, Ordering::Relaxed);
    }

    // ===== those who look on =====

    /// Whether a send should rather come back.
    pub(crate) fn refuses(&self, tenancy: u64) -> bool {
        let inner = self.inner.lock();
        inner.tenancy == tenancy
            && inner.phase == Phase::Open
            && inner.policy == MailboxPolicy::Fail
            && inner.queue.len() + self.in_hand.load(Ordering::Relaxed) >= inner.capacity
    }

    pub(crate) fn policy(&self) -> MailboxPolicy {
        self.inner.lock().policy
    }

    pub(crate) fn depth(&self) -> Depth {
        let inner = self.inner.lock();
        Depth {
            depth: inner.queue.len() + self.in_hand.load(Ordering::Relaxed),
            high_water: inner.high_water,
            capacity: inner.capacity,
            oldest: inner.queue.front().and_then(|first| first.metadata.timestamp),
        }
    }
}

/// The way into a mailbox; it is locked meanwhile, so no user's code may run.
pub(crate) struct Pusher<'a, M> {
    in_hand: &'a AtomicUsize,
    inner: MutexGuard<'a, Inner<M>>,
}

impl<M> Pusher<'_, M> {
    #[inline]
    pub(crate) fn push(&mut self, envelope: MessageEnvelope<M>) -> Pushed<M> {
        let inner = &mut *self.inner;
        let held = inner.queue.len() + self.in_hand.load(Ordering::Relaxed);
        if held >= inner.capacity {
            return self.push_full(envelope);
        }
        if inner.queue.capacity() == 0 {
            // An idle actor keeps no more than it needs.
            inner.queue.reserve_exact(1);
        }
        inner.queue.push_back(envelope);
        inner.high_water = inner.high_water.max(held + 1);
        Pushed::Accepted
    }

    #[cold]
    fn push_full(&mut self, envelope: MessageEnvelope<M>) -> Pushed<M> {
        let inner = &mut *self.inner;
        match inner.policy {
            MailboxPolicy::DropOldest => match inner.queue.pop_front() {
                Some(oldest) => {
                    inner.queue.push_back(envelope);
                    Pushed::Evicted(oldest)
                }
                None => Pushed::Full(envelope),
            },
            _ => Pushed::Full(envelope),
        }
    }

    /// How long who pushes should wait for room.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.inner.policy {
            MailboxPolicy::Backpressure(limit) => Some(limit),
            _ => None,
        }
    }

    /// Unlocks; whom to wake, if there is something for it.
    #[inline]
    pub(crate) fn finish(mut self) -> Option<Waker> {
        if self.inner.queue.is_empty() { None } else { self.inner.reader.take() }
    }
}

/// Wakes a task, if there is one. Its waker is user code: hold no lock.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
