//! The requests that wait for their replies: a fixed table, in which nothing is locked or allocated.
//!
//! A correlation id that the broker gives names the table (the prefix), a place and its generation, so the
//! place is found at once, and a reply to a request that is over is known for what it is. A correlation id of the
//! caller's is looked for from the place that its hash names, as far as any has been put behind its own; there
//! is room for twice the limit, so that is not far. If such a request is over, that is known until its place is
//! taken again.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::Context;

use crossbeam_utils::CachePadded;

use crate::broker::dead_letter::DeadLetterReason;
use crate::broker::epoch::{Epoch, NEVER};
use crate::broker::slot::{Ending, Examined, Generation, Left, Replied, Slot};
use crate::broker::timer::{Alarm, Watched};
use crate::envelope::{CorrelationId, MessageMetadata, Unique, fresh_prefix};
use crate::sync::{AtomicBool, AtomicUsize, Instant, Ordering, yield_now};

/// Spreads numbers that follow each other: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Places for each request of the limit. The models make do with one, so that requests meet in it.
const ROOM: usize = if cfg!(stentor_loom) { 1 } else { 2 };

pub(crate) struct Table<M> {
    slots: Box<[CachePadded<Slot<M>>]>,
    /// Of the correlation ids that are given here.
    prefix: NonZeroU64,
    /// The most requests at a time.
    limit: usize,
    room: CachePadded<Room>,
    /// How far behind its own place any request has been put.
    farthest: AtomicUsize,
    closed: AtomicBool,
    /// What deadlines are counted from.
    pub(crate) epoch: Epoch,
    pub(crate) alarm: Arc<Alarm>,
}

/// What changes with every request.
struct Room {
    /// How many there are.
    pending: AtomicUsize,
    /// The place that was freed last.
    freed: AtomicUsize,
}

/// Why a request found no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    Duplicate,
    Full,
}

/// A place and the request in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    index: usize,
    generation: Generation,
}

/// What an envelope is to the requests of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// The reply that a request waits for.
    Awaited(Ticket),
    /// The reply to a request that is over.
    Late,
    /// Nothing.
    Nothing,
}

impl<M> Table<M> {
    pub(crate) fn new(limit: usize) -> Self {
        let places = (ROOM * limit).next_power_of_two();
        Self {
            slots: (0..places).map(|_| CachePadded::new(Slot::new())).collect(),
            prefix: fresh_prefix(),
            limit,
            room: CachePadded::new(Room {
                pending: AtomicUsize::new(0),
                freed: AtomicUsize::new(0),
            }),
            farthest: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            epoch: Epoch::new(),
            alarm: Arc::new(Alarm::new()),
        }
    }

    pub(crate) fn pending(&self) -> usize {
        self.room.pending.load(Ordering::Relaxed)
    }

    // ===== the caller =====

    /// Makes room for a request with this deadline (see [`Epoch`]); its correlation id, which is given here if it has none.
    #[inline]
    pub(crate) fn enter(
        &self,
        request: &MessageMetadata,
        deadline: u64,
    ) -> Result<(Caller<'_, M>, CorrelationId), NoPlace> {
        // Acquire: with `leave_room`, so that there is a place for whoever may have one.
        if self.room.pending.fetch_add(1, Ordering::Acquire) >= self.limit {
            self.leave_room();
            return Err(NoPlace::Full);
        }
        let (ticket, id) = match request.correlation_id {
            Some(id) if self.is_waiting(id) => {
                self.leave_room();
                return Err(NoPlace::Duplicate);
            }
            Some(id) => (self.claim_for(id.0), id),
            None => {
                // The place that was freed last is the one in the caches.
                let (ticket, _) = self.claim(self.room.freed.load(Ordering::Relaxed));
                (ticket, self.assigned(ticket))
            }
        };
        self.slots[ticket.index].open(ticket.generation, request, id.0, deadline);
        Ok((Caller { table: self, ticket, has_waker: false, is_over: false }, id))
    }

    /// A request that was counted is not there, or not any more.
    fn leave_room(&self) {
        // Release: the place is seen to be free by who counts it so.
        self.room.pending.fetch_sub(1, Ordering::Release);
    }

    /// The place of this index is free again.
    fn leave_place(&self, index: usize) {
        // Relaxed: a hint.
        self.room.freed.store(index, Ordering::Relaxed);
        self.leave_room();
    }

    /// Takes the first free place at or behind `home`, and says how far behind. There is one, for all that
    /// are taken are counted, but it may take a second look where others come and go.
    fn claim(&self, home: usize) -> (Ticket, usize) {
        loop {
            for distance in 0..self.slots.len() {
                let index = self.behind(home, distance);
                if let Some(generation) = self.slots[index].try_claim() {
                    return (Ticket { index, generation }, distance);
                }
            }
        }
    }

    /// Takes a place for a request that brought its correlation id: where a reply is looked for.
    fn claim_for(&self, id: Unique) -> Ticket {
        let (ticket, distance) = self.claim(self.home(id));
        // Relaxed: who replies has learnt of the request after this.
        if self.farthest.load(Ordering::Relaxed) < distance {
            self.farthest.fetch_max(distance, Ordering::Relaxed);
        }
        ticket
    }

    /// The place that a correlation id names, if it was given here, or its hash.
    fn home(&self, id: Unique) -> usize {
        if id.prefix == self.prefix {
            return id.number as usize & (self.slots.len() - 1);
        }
        let hash = (id.number ^ id.prefix.get().rotate_left(32)).wrapping_mul(SPREAD);
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    fn behind(&self, home: usize, distance: usize) -> usize {
        (home + distance) & (self.slots.len() - 1)
    }

    /// The correlation id of a request that brought none: generation and place.
    fn assigned(&self, ticket: Ticket) -> CorrelationId {
        let number = ticket.generation.0 << self.place_bits() | ticket.index as u64;
        CorrelationId(Unique { prefix: self.prefix, number })
    }

    fn place_bits(&self) -> u32 {
        self.slots.len().trailing_zeros()
    }

    // ===== who replies =====

    /// What an envelope of this metadata is to the requests here.
    pub(crate) fn find(&self, metadata: &MessageMetadata) -> Found {
        let Some(CorrelationId(id)) = metadata.correlation_id else { return Found::Nothing };
        for index in self.places_of(id) {
            match self.slots[index].examine(metadata, id) {
                Examined::Unrelated => {}
                Examined::NotTheReply => return Found::Nothing,
                Examined::Awaited(generation) => {
                    return Found::Awaited(Ticket { index, generation });
                }
                Examined::Late => return Found::Late,
            }
        }
        // Its place has been taken again, or it was never ours.
        if id.prefix == self.prefix && metadata.reply_to.is_none() {
            Found::Late
        } else {
            Found::Nothing
        }
    }

    /// The places where a request of this id may be.
    fn places_of(&self, id: Unique) -> impl Iterator<Item = usize> {
        let home = self.home(id);
        (0..=self.farthest.load(Ordering::Relaxed)).map(move |distance| self.behind(home, distance))
    }

    /// Ends a request for which nobody will ever reply, if its caller still waits.
    pub(crate) fn refuse(&self, request: &MessageMetadata, reason: &DeadLetterReason) {
        let Some(CorrelationId(id)) = request.correlation_id else { return };
        let waiting = self.places_of(id).find_map(|index| {
            let generation = self.slots[index].waits_with(id, request.message_id.0)?;
            Some(Ticket { index, generation })
        });
        if let Some(ticket) = waiting {
            // A reply that has come first is as good.
            self.reply(ticket, &mut Some(Err(reason.clone())));
        }
    }

    /// Hands the end of a request, which is there, to its caller; false if that is gone: it is still there then.
    #[inline(always)]
    pub(crate) fn reply(&self, ticket: Ticket, ending: &mut Option<Ending<M>>) -> bool {
        match self.slots[ticket.index].reply(ticket.generation, ending) {
            Replied::Handed => true,
            Replied::Late => false,
            Replied::Freed => {
                self.leave_place(ticket.index);
                false
            }
        }
    }

    // ===== those who look on =====

    /// When the time of the request of this id is out (`None` for never), if it still waits.
    pub(crate) fn deadline_of(&self, CorrelationId(id): CorrelationId) -> Option<Option<Instant>> {
        let place = self.places_of(id).find(|&index| self.slots[index].is_waiting_for(id))?;
        Some(self.epoch.instant(self.slots[place].deadline()?))
    }

    fn is_waiting(&self, CorrelationId(id): CorrelationId) -> bool {
        self.places_of(id).any(|index| self.slots[index].is_waiting_for(id))
    }

    // ===== those who wake =====

    /// Ends all requests.
    pub(crate) fn close(&self) {
        // Release: with the look of a caller that registers its waker at the same time.
        self.closed.store(true, Ordering::Release);
        for slot in &self.slots {
            slot.waker.wake();
        }
    }
}

/// How a request has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The caller can take the reply, or the reason why there will be none.
    Ready,
    TimedOut,
    /// No request is answered any more.
    Closed,
}

/// A request that waits. Dropping it gives its place back at once.
pub(crate) struct Caller<'a, M> {
    table: &'a Table<M>,
    ticket: Ticket,
    /// A waker of its task is in the place.
    has_waker: bool,
    /// The place is free again, or another's.
    is_over: bool,
}

impl<'a, M> Caller<'a, M> {
    fn slot(&self) -> &'a Slot<M> {
        &self.table.slots[self.ticket.index]
    }

    /// Whether the request has ended; leaves the task's waker if it has not.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        if let Some(ended) = self.ended() {
            return Some(ended);
        }
        self.slot().waker.register(cx.waker());
        self.has_waker = true;
        let is_known = self.slot().listen(self.ticket.generation);
        let ended = self.ended();
        if ended.is_none() && !is_known {
            // The reply is being moved into its place, and who does that wakes nobody.
            yield_now();
            cx.waker().wake_by_ref();
        }
        ended
    }

    /// Whether the request has ended, though not by its time.
    #[inline]
    pub(crate) fn ended(&self) -> Option<Ended> {
        if self.slot().is_ready(self.ticket.generation) {
            return Some(Ended::Ready);
        }
        // Acquire: with `close`.
        self.table.closed.load(Ordering::Acquire).then_some(Ended::Closed)
    }

    /// Whether a request that is `Ready` has ended with a reply.
    #[inline(always)]
    pub(crate) fn is_answered(&self) -> bool {
        self.slot().is_answered(self.ticket.generation)
    }

    /// Takes out by `take` what a request that is `Ready` has ended with.
    #[inline(always)]
    pub(crate) fn take<T>(mut self, take: impl FnOnce(&mut Option<Ending<M>>) -> T) -> T {
        self.forget_waker();
        let taken = self.slot().take(self.ticket.generation, take);
        self.set_over();
        taken
    }

    /// The time is out: gives up, unless the reply has come at the last moment.
    pub(crate) fn time_out(&mut self) -> Ended {
        self.forget_waker();
        while !self.slot().give_up(self.ticket.generation) {
            if self.slot().is_ready(self.ticket.generation) {
                return Ended::Ready;
            }
            // The reply is being moved into its place.
            yield_now();
        }
        self.set_over();
        Ended::TimedOut
    }

    /// Gives up in any case; the reply, if there was one already.
    pub(crate) fn leave(mut self) -> Option<Ending<M>> {
        self.give_back()
    }

    fn give_back(&mut self) -> Option<Ending<M>> {
        if self.is_over {
            return None;
        }
        self.forget_waker();
        match self.slot().leave(self.ticket.generation) {
            Left::Free(reply) => {
                self.set_over();
                reply
            }
            Left::ToReplier => {
                self.is_over = true;
                None
            }
        }
    }

    /// The place is free.
    #[inline]
    fn set_over(&mut self) {
        self.is_over = true;
        self.table.leave_place(self.ticket.index);
    }

    /// Takes the task's waker off: before the place is free, for then it may be another's.
    #[inline]
    fn forget_waker(&mut self) {
        if std::mem::take(&mut self.has_waker) {
            drop(self.slot().waker.take());
        }
    }
}

impl<M> Drop for Caller<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_over {
            drop(self.give_back());
        }
    }
}

impl<M: Send + 'static> Watched for Table<M> {
    fn wake_overdue(&self) -> Option<Instant> {
        let now = self.epoch.nanos(Instant::now());
        let mut next = NEVER;
        for slot in &self.slots {
            match slot.deadline() {
                Some(deadline) if deadline <= now => slot.waker.wake(),
                Some(deadline) => next = next.min(deadline),
                None => {}
            }
        }
        self.epoch.instant(next)
    }
}

impl<M> Drop for Table<M> {
    fn drop(&mut self) {
        self.alarm.stop();
    }
}
