//! Who is in a group, and from which sequence on.
//!
//! Every member has a cursor of its own and sees every message; it handles those whose keys are its
//! own. For each to go to exactly one of them, all have to agree which membership counts for a sequence.
//! A change therefore counts from one sequence on (`from`), the same for all, that nobody has begun with
//! yet. The trouble is that members go on while it is chosen. So:
//!
//! | a member, for each batch | who changes the membership, holding the lock |
//! |---|---|
//! | store `claimed`: I begin with all below `end` | raise `epoch` |
//! | light fence | heavy fence |
//! | load `epoch`: still the one I know? | load `claimed` of all: `from` is the highest of them |
//! | yes: handle the batch as I know it | note: from `from` on this membership counts |
//! | no: take the lock (so the change is noted by then), learn it, begin again | |
//!
//! Either the member sees the new epoch, or the other side sees its claim, and then the change counts
//! from no earlier than the batch's end. A claim that comes to nothing, because the epoch had changed,
//! does no harm: `from` is only later than it need be.
//!
//! * *Joining*: the newcomer subscribes first, and `from` is not below its first sequence either. It
//!   passes over what comes before: that is still the others'.
//! * *Leaving*: `from` is not below the next sequence to be published either. The leaver handles its
//!   part of what comes before, and then goes.
//! * *Dying* (a panic, where the policy is to remove): as leaving, but the subscription, with the part
//!   of it that is still to be handled, goes to another member: its *inheritance*, which it handles
//!   before its own. So the dead one's place in the ring is kept until somebody has handled what it had not.
//!
//! A member that has read everything (the bus is closed, or the router shut down) departs only when the
//! others have read as far, and hold no inheritance: until then one of them may die and need an heir.
//! All of that is looked at under the lock, with which inheritances are left. Where nobody is there to
//! inherit, the messages are reported as left.

use std::collections::VecDeque;
use std::sync::Arc as StdArc;

use crossbeam_utils::CachePadded;

use crate::bus::Subscriber;
use crate::ring::cursor::Cursor;
use crate::router::share::{MemberId, Share, Table};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, asymmetric, fence};

/// How often the membership has changed, or something was left to somebody.
struct Epoch(AtomicU64);

impl Epoch {
    /// Relaxed: the fences order it, and what it tells of is read under the lock.
    #[inline(always)]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Holding the lock.
    fn raise(&self) {
        self.0.store(self.get() + 1, Ordering::Relaxed);
    }
}

/// A member, as the others see it.
pub(crate) struct Seat {
    id: MemberId,
    /// It has begun with everything below.
    claimed: CachePadded<AtomicU64>,
    cursor: StdArc<Cursor>,
}

impl Seat {
    pub(crate) fn id(&self) -> MemberId {
        self.id
    }
}

/// Messages that a member has to handle.
pub(crate) struct Duty<T> {
    pub(crate) subscriber: Subscriber<T>,
    /// Which of them.
    pub(crate) share: Share,
    /// Only those before this sequence.
    pub(crate) until: Option<u64>,
}

impl<T> Duty<T> {
    /// Messages that it has still to look at.
    pub(crate) fn left(&self) -> u64 {
        match self.until {
            Some(until) => until.saturating_sub(self.subscriber.position()),
            None => self.subscriber.lag(),
        }
    }
}

/// What a member has learned of the membership.
pub(crate) struct News<T> {
    /// The epoch it knows now.
    pub(crate) epoch: u64,
    /// What has been left to it.
    pub(crate) inheritance: Vec<Duty<T>>,
}

/// A membership.
struct Version {
    from: u64,
    table: Table,
    /// How many came before it.
    number: u64,
}

/// A seat that is taken.
struct Place<T> {
    seat: Arc<Seat>,
    /// It is in the last membership: it is not on its way out.
    stays: bool,
    /// What was left to it and it has not learned of.
    inheritance: Vec<Duty<T>>,
    /// Inheritances that it has learned of and not handled.
    pending: usize,
    /// Versions it has learned of.
    known: u64,
}

impl<T> Place<T> {
    /// Nothing before this sequence will need another to handle it.
    fn is_through(&self, to: u64) -> bool {
        let unhandled = self.pending + self.inheritance.len();
        unhandled == 0 && self.seat.cursor.last_position() >= to
    }
}

/// Whether a handler may end where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayEnd {
    Yes,
    /// When others are so far; the bell will ring.
    Later,
    /// It has more to do.
    NotYet,
}

struct Inner<T> {
    places: Vec<Place<T>>,
    /// The memberships that count for what somebody has still to read, the last one at the end.
    versions: VecDeque<Version>,
    next_id: MemberId,
}

impl<T> Inner<T> {
    /// The members of the last membership, but for this one.
    fn others(&self, but: MemberId) -> Vec<MemberId> {
        let stay = self.places.iter().filter(|place| place.stays);
        stay.map(|place| place.seat.id).filter(|id| *id != but).collect()
    }

    fn table(&self) -> Table {
        self.versions.back().map_or_else(Table::new, |version| version.table.clone())
    }

    /// Forgets what counts for nothing that is unread.
    fn forget(&mut self) {
        let positions = self.places.iter().map(|place| place.seat.cursor.last_position());
        let read = positions.min().unwrap_or(0);
        while self.versions.get(1).is_some_and(|next| next.from <= read) {
            self.versions.pop_front();
        }
    }
}

pub(crate) struct Membership<T> {
    epoch: CachePadded<Epoch>,
    /// Members use full fences: the heavy one does not reach them here.
    fenced: bool,
    inner: Mutex<Inner<T>>,
}

impl<T> Membership<T> {
    pub(crate) fn new() -> Self {
        let inner = Inner { places: Vec::new(), versions: VecDeque::new(), next_id: 0 };
        Self {
            epoch: CachePadded::new(Epoch(AtomicU64::new(0))),
            fenced: !asymmetric::available(),
            inner: Mutex::new(inner),
        }
    }

    // ===== a member's side =====

    /// Whether there is something to learn.
    #[inline(always)]
    pub(crate) fn has_news(&self, epoch: u64) -> bool {
        self.epoch.get() != epoch
    }

    /// Begins with everything below `end`. False if there is something to learn before.
    #[inline(always)]
    pub(crate) fn claim(&self, seat: &Seat, end: u64, epoch: u64) -> bool {
        seat.claimed.store(end, Ordering::Relaxed);
        if self.fenced {
            fence(Ordering::SeqCst);
        } else {
            asymmetric::light();
        }
        !self.has_news(epoch)
    }

    /// Learns what has changed.
    #[cold]
    pub(crate) fn learn(&self, seat: &Seat, share: &mut Share) -> News<T> {
        let mut inner = self.inner.lock();
        let epoch = self.epoch.get();
        let Inner { places, versions, .. } = &mut *inner;
        let Some(place) = places.iter_mut().find(|place| place.seat.id == seat.id) else {
            return News { epoch, inheritance: Vec::new() };
        };
        let known = place.known;
        for version in versions.iter().filter(|version| version.number >= known) {
            share.change(version.from, &version.table, seat.id);
            place.known = version.number + 1;
        }
        place.pending += place.inheritance.len();
        News { epoch, inheritance: std::mem::take(&mut place.inheritance) }
    }

    /// It has handled one thing that was left to it.
    pub(crate) fn settle(&self, seat: &Seat) {
        let mut inner = self.inner.lock();
        if let Some(place) = inner.places.iter_mut().find(|place| place.seat.id == seat.id) {
            place.pending -= 1;
        }
    }

    /// It has read everything before `to`: takes it off the list, if it may end.
    pub(crate) fn depart(&self, seat: &Seat, to: u64) -> MayEnd {
        let mut inner = self.inner.lock();
        let Some(at) = inner.places.iter().position(|place| place.seat.id == seat.id) else {
            return MayEnd::Yes;
        };
        let place = &inner.places[at];
        if place.pending + place.inheritance.len() > 0 {
            return MayEnd::NotYet;
        }
        let mut others = inner.places.iter().filter(|other| other.seat.id != seat.id);
        if place.stays && !others.all(|other| other.is_through(to)) {
            return MayEnd::Later;
        }
        inner.places.remove(at);
        MayEnd::Yes
    }

    /// It ends, come what may; gives what was left to it and it has not learned of.
    pub(crate) fn vanish(&self, seat: &Seat) -> Vec<Duty<T>> {
        let mut inner = self.inner.lock();
        let at = inner.places.iter().position(|place| place.seat.id == seat.id);
        at.map_or_else(Vec::new, |at| inner.places.remove(at).inheritance)
    }

    // ===== changes =====

    /// Takes new members in, each with its cursor and first sequence.
    pub(crate) fn join(&self, newcomers: Vec<(StdArc<Cursor>, u64)>) -> Vec<Arc<Seat>> {
        let mut inner = self.inner.lock();
        let first = newcomers.iter().map(|(_, first)| *first).max().unwrap_or(0);
        let mut table = inner.table();
        let number = inner.versions.back().map_or(0, |last| last.number + 1);
        let mut seats = Vec::new();
        for (cursor, first) in newcomers {
            let id = inner.next_id;
            inner.next_id += 1;
            table = table.with(id);
            let claimed = CachePadded::new(AtomicU64::new(first));
            let seat = Arc::new(Seat { id, claimed, cursor });
            seats.push(Arc::clone(&seat));
            inner.places.push(Place {
                seat,
                stays: true,
                inheritance: Vec::new(),
                pending: 0,
                known: number,
            });
        }
        self.change(&mut inner, table, first);
        seats
    }

    /// A member begins to leave: gives the sequence before which everything is still its own.
    /// `head` is the next sequence to be published.
    pub(crate) fn leave(&self, seat: &Seat, head: u64) -> u64 {
        self.retire(&mut self.inner.lock(), seat, head)
    }

    /// A member is dead, and these are what it had to handle, its own duty first. Gives them back if
    /// nobody is there to take them over.
    pub(crate) fn bequeath(
        &self,
        seat: &Seat,
        head: u64,
        mut duties: Vec<Duty<T>>,
    ) -> Vec<Duty<T>> {
        let mut inner = self.inner.lock();
        let Some(at) = inner.places.iter().position(|place| place.seat.id == seat.id) else {
            return duties;
        };
        let own = &mut duties[0];
        if own.until.is_none() {
            own.until = Some(self.retire(&mut inner, seat, head));
        }
        let mut dead = inner.places.remove(at);
        for version in inner.versions.iter().filter(|version| version.number >= dead.known) {
            own.share.change(version.from, &version.table, seat.id);
        }
        duties.append(&mut dead.inheritance);
        let heir = inner.places.iter_mut().filter(|place| place.stays);
        let Some(heir) = heir.min_by_key(|place| place.inheritance.len()) else { return duties };
        heir.inheritance.extend(duties.into_iter().filter(|duty| duty.left() > 0));
        self.epoch.raise();
        Vec::new()
    }

    /// The last membership is one without this member, if it was not that already; gives where it begins.
    fn retire(&self, inner: &mut Inner<T>, seat: &Seat, head: u64) -> u64 {
        let table = inner.table().without(seat.id, &inner.others(seat.id));
        let from = self.change(inner, table, head);
        if let Some(place) = inner.places.iter_mut().find(|place| place.seat.id == seat.id) {
            place.stays = false;
        }
        from
    }

    /// From some sequence on, at or after `least`, this table counts; gives that sequence.
    fn change(&self, inner: &mut Inner<T>, table: Table, least: u64) -> u64 {
        self.epoch.raise();
        if self.fenced {
            fence(Ordering::SeqCst);
        } else {
            asymmetric::heavy();
        }
        let last = inner.versions.back();
        let (begun, number) = last.map_or((0, 0), |last| (last.from, last.number + 1));
        let claims = inner.places.iter().map(|place| place.seat.claimed.load(Ordering::Relaxed));
        let from = claims.fold(least.max(begun), u64::max);
        inner.versions.push_back(Version { from, table, number });
        inner.forget();
        from
    }
}
