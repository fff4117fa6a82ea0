//! What all handles of one bus share.

use std::sync::Arc as StdArc;

use crossbeam_utils::CachePadded;

use crate::bus::error::{PublishError, SubscribeError, TryPublishError};
use crate::bus::stats::{BusStats, SubscriberId, SubscriberStats};
use crate::ring::cursor::Cursor;
use crate::ring::ring::{Reserved, Ring};
use crate::ring::sequencer::Blocked;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::wait::doorbell::{Doorbell, Key};
use crate::wait::strategy::WaitStrategy;

/// A subscription.
pub(crate) struct Member {
    pub(crate) id: SubscriberId,
    pub(crate) name: String,
    pub(crate) cursor: StdArc<Cursor>,
}

impl Member {
    /// Its cursor, for one that comes after it.
    pub(crate) fn follow(&self) -> Result<StdArc<Cursor>, SubscribeError> {
        if self.cursor.position().is_none() {
            return Err(SubscribeError::AfterEvicted { name: self.name.clone() });
        }
        self.cursor.follow();
        Ok(StdArc::clone(&self.cursor))
    }
}

/// The subscriptions, behind a lock that only subscribing, unsubscribing and `stats` take.
pub(crate) struct Registry {
    members: Vec<StdArc<Member>>,
    /// Messages published while there were no members, up to the last time there were some.
    unheard: u64,
    /// The head when the last member left.
    alone_since: Option<u64>,
}

impl Registry {
    fn unheard(&self, head: u64) -> u64 {
        self.unheard + self.alone_since.map_or(0, |since| head.saturating_sub(since))
    }
}

pub(crate) struct Core<T> {
    pub(crate) ring: Ring<T>,
    /// Rung when something is published.
    pub(crate) arrivals: CachePadded<Doorbell>,
    /// Rung when a cursor moves.
    pub(crate) room: CachePadded<Doorbell>,
    pub(crate) strategy: WaitStrategy,
    registry: Mutex<Registry>,
    /// Living `Publisher`s.
    publishers: AtomicUsize,
    /// Living `Bus`es.
    buses: AtomicUsize,
    /// Ids of subscribers, and keys of sleepers.
    next_key: AtomicU64,
}

impl<T> Core<T> {
    pub(crate) fn new(ring: Ring<T>, strategy: WaitStrategy) -> Self {
        let registry = Registry { members: Vec::new(), unheard: 0, alone_since: Some(0) };
        Self {
            ring,
            arrivals: CachePadded::new(Doorbell::new()),
            room: CachePadded::new(Doorbell::new()),
            strategy,
            registry: Mutex::new(registry),
            publishers: AtomicUsize::new(0),
            buses: AtomicUsize::new(1),
            next_key: AtomicU64::new(0),
        }
    }

    pub(crate) fn new_key(&self) -> Key {
        self.next_key.fetch_add(1, Ordering::Relaxed)
    }

    // ===== publishing =====

    /// Publishes, or says why not, and wakes who waits for it.
    #[inline(always)]
    pub(crate) fn try_publish(&self, message: T) -> Result<(), TryPublishError<T>> {
        self.publish_or(message, |message, blocked| Err(refused(message, blocked)))
    }

    /// Publishes, and wakes who waits for it; `otherwise` is for a message that gets no slot now.
    #[inline(always)]
    pub(crate) fn publish_or<E>(
        &self,
        message: T,
        otherwise: impl FnOnce(T, Blocked) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.ring.reserve() {
            Some(reserved) => self.publish_reserved(reserved, message),
            None => match self.ring.reserve_slowly() {
                Ok(reserved) => self.publish_reserved(reserved, message),
                Err(blocked) => return otherwise(message, blocked),
            },
        }
        Ok(())
    }

    /// Publishes in a reserved slot, and wakes who waits for it.
    #[inline(always)]
    pub(crate) fn publish_reserved(&self, reserved: Reserved<'_, T>, message: T) {
        let shared = reserved.is_shared();
        let replaced = reserved.write(message);
        self.announce_from(shared);
        // Here at the end, for its `Drop` is user code.
        drop(replaced);
    }

    /// Publishes a message, if it is there, in a slot that `reserve` gives: a large one is copied once, from its
    /// place to the slot. Without a slot it stays where it is.
    #[inline(always)]
    pub(crate) fn publish_from(&self, message: &mut Option<T>) -> Result<(), Blocked> {
        let Some(there) = message else { return Ok(()) };
        let from = std::ptr::from_mut(there);
        let reserved = match self.ring.reserve() {
            Some(reserved) => reserved,
            None => self.ring.reserve_slowly()?,
        };
        let shared = reserved.is_shared();
        // SAFETY: the message is ours, and forgotten right afterwards, unless it is another one.
        if !unsafe { reserved.write_from(from) } {
            std::mem::forget(message.take());
        }
        self.announce_from(shared);
        *message = None;
        Ok(())
    }

    /// Publishes a message that waits for room, if there is some; otherwise leaves it where it is.
    pub(crate) fn try_publish_from(
        &self,
        message: &mut Option<T>,
    ) -> Option<Result<(), PublishError<T>>> {
        match self.publish_from(message) {
            Ok(()) => Some(Ok(())),
            Err(Blocked::Closed) => Some(Err(PublishError(message.take()?))),
            Err(Blocked::Full) => None,
        }
    }

    /// Wakes who waits for a message that was published, in the shared phase or by the owner.
    #[inline(always)]
    fn announce_from(&self, shared: bool) {
        if shared {
            self.announce();
        } else {
            self.arrivals.ring();
        }
    }

    /// Wakes who waits for messages that were published in the shared phase, or perhaps were: subscribers,
    /// and publishers a lap ahead, who cannot reuse a slot before it is published.
    pub(crate) fn announce(&self) {
        self.arrivals.ring();
        self.room.ring();
    }

    /// Whether lossless subscribers leave room for a batch: what a publisher that had to wait waits
    /// for at first, since a wake-up for every single slot costs both sides more than it brings.
    pub(crate) fn has_ample_room(&self) -> bool {
        let head = self.ring.sequencer.head();
        let held = self.ring.sequencer.gate.held(head);
        held + self.ring.capacity() >= head + (self.ring.capacity() / 4).max(1)
    }

    // ===== the handles' lives =====

    pub(crate) fn add_publisher(&self) {
        self.publishers.fetch_add(1, Ordering::Relaxed);
    }

    /// The last publisher closes the bus.
    pub(crate) fn remove_publisher(&self) {
        // AcqRel: closing comes after all that the other handles did.
        if self.publishers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    pub(crate) fn add_bus(&self) {
        self.buses.fetch_add(1, Ordering::Relaxed);
    }

    /// Without a publisher, and without a bus to make one, nothing will ever be published.
    pub(crate) fn remove_bus(&self) {
        if self.buses.fetch_sub(1, Ordering::AcqRel) == 1
            && self.publishers.load(Ordering::Acquire) == 0
        {
            self.close();
        }
    }

    pub(crate) fn close(&self) {
        if self.ring.sequencer.close() {
            self.arrivals.ring();
            self.room.ring();
        }
    }

    // ===== subscriptions =====

    /// Adds a member made by `make` from its first place; gives it and where it starts.
    pub(crate) fn join(
        &self,
        history: bool,
        make: impl Fn(u64) -> Member,
    ) -> (StdArc<Member>, u64) {
        let mut registry = self.registry.lock();
        loop {
            let member = StdArc::new(make(self.ring.start(history)));
            let Some(at) = self.ring.join(&member.cursor, history) else {
                self.ring.sequencer.gate.remove(&member.cursor);
                continue;
            };
            registry.unheard = registry.unheard(at);
            registry.alone_since = None;
            registry.members.push(StdArc::clone(&member));
            drop(registry);
            // A publisher may have found it in the way at its first place, before it moved on to `at`.
            self.room.ring();
            return (member, at);
        }
    }

    pub(crate) fn leave(&self, member: &StdArc<Member>) {
        let mut registry = self.registry.lock();
        member.cursor.leave();
        self.ring.sequencer.gate.remove(&member.cursor);
        registry.members.retain(|other| !StdArc::ptr_eq(other, member));
        if registry.members.is_empty() {
            registry.alone_since = Some(self.ring.sequencer.head());
        }
        drop(registry);
        self.room.ring();
        self.arrivals.ring();
    }

    pub(crate) fn stats(&self) -> BusStats {
        let registry = self.registry.lock();
        let head = self.ring.sequencer.head();
        let subscribers = registry.members.iter().map(|member| {
            let cursor = member.cursor.last_position();
            SubscriberStats {
                id: member.id,
                name: member.name.clone(),
                cursor,
                lag: head.saturating_sub(cursor),
                missed: member.cursor.missed(),
                overflow: member.cursor.overflow(),
                evicted: member.cursor.position().is_none(),
                parked: self.arrivals.is_registered(member.id.0),
            }
        });
        BusStats {
            published: head,
            unheard: registry.unheard(head),
            capacity: self.ring.capacity() as usize,
            retain: self.ring.sequencer.retain() as usize,
            publishers: self.publishers.load(Ordering::Relaxed),
            waiting_publishers: self.room.sleepers(),
            closed: self.ring.sequencer.end().is_some(),
            subscribers: subscribers.collect(),
        }
    }
}

/// Gives a message back, and says why.
pub(crate) fn refused<T>(message: T, blocked: Blocked) -> TryPublishError<T> {
    match blocked {
        Blocked::Full => TryPublishError::Full(message),
        Blocked::Closed => TryPublishError::Closed(message),
    }
}
