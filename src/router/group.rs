//! Handlers that share the messages between them.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc as StdArc;

use crate::bus::upstream::follow::On;
use crate::bus::{Start, SubscribeError, Subscriber, SubscriberBuilder, Upstream};
use crate::ring::cursor::Cursor;
use crate::router::error::RouterError;
use crate::router::handle::HandlerHandle;
use crate::router::key::{ByRef, ByValue, Key, Spread};
use crate::router::member::Member;
use crate::router::membership::{Duty, Membership, Seat};
use crate::router::options::{choose_thread, sure};
use crate::router::record::{HandlerId, Record};
use crate::router::report::OnPanic;
use crate::router::share::Share;
use crate::router::shared::Shared;
use crate::router::work::{Closure, Handler};
use crate::sync::Arc;

/// What all members of a group have in common.
struct Common<T, K> {
    shared: Arc<Shared<T>>,
    name: String,
    key: Arc<K>,
    after: Vec<StdArc<Cursor>>,
    policy: OnPanic,
    membership: Arc<Membership<T>>,
}

/// Makes a group: see [`Router::group`](crate::Router::group).
#[must_use = "a builder does nothing until `handlers`"]
pub struct GroupBuilder<'r, T, K = Spread> {
    shared: &'r Arc<Shared<T>>,
    name: String,
    key: K,
    start: Start,
    after: Vec<StdArc<Cursor>>,
    refused: Option<SubscribeError>,
    policy: OnPanic,
}

impl<'r, T> GroupBuilder<'r, T, Spread> {
    pub(crate) fn new(shared: &'r Arc<Shared<T>>, name: String) -> Self {
        let (start, policy) = (Start::default(), OnPanic::default());
        Self { shared, name, key: Spread, start, after: Vec::new(), refused: None, policy }
    }

    /// Messages with equal keys go to the same member, in order, as long as no member joins or leaves; and when
    /// one does, most keys stay where they are. The closure is called by every member with every message, so
    /// it should be quick, and must always give the same. Without a key messages are spread evenly.
    pub fn key<Q, P>(self, key: P) -> GroupBuilder<'r, T, ByValue<P, Q>>
    where
        Q: Hash + 'static,
        P: Fn(&T) -> Q + Send + Sync + 'static,
    {
        self.with(ByValue(key, PhantomData))
    }

    /// As [`key`](Self::key), for keys that are a part of the message: `|order| order.customer.as_str()`.
    pub fn key_ref<Q, P>(self, key: P) -> GroupBuilder<'r, T, ByRef<P, Q>>
    where
        Q: Hash + ?Sized + 'static,
        P: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        self.with(ByRef(key, PhantomData))
    }

    fn with<K>(self, key: K) -> GroupBuilder<'r, T, K> {
        let Self { shared, name, start, after, refused, policy, .. } = self;
        GroupBuilder { shared, name, key, start, after, refused, policy }
    }
}

impl<T, K> GroupBuilder<'_, T, K> {
    /// Where its first members start. [`Start::Next`] unless said.
    pub fn from(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// The group gets a message only once all of these are past it.
    pub fn after(mut self, others: &[&dyn Upstream<T>]) -> Self {
        for other in others {
            match other.place(On(&self.shared.core)).0 {
                Ok(cursor) => self.after.push(cursor),
                Err(error) => self.refused = self.refused.or(Some(error)),
            }
        }
        self
    }

    /// What happens to a member that panics. [`OnPanic::Remove`] unless said: the others take over what
    /// it had not read.
    pub fn on_panic(mut self, policy: OnPanic) -> Self {
        self.policy = policy;
        self
    }
}

impl<T, K> GroupBuilder<'_, T, K>
where
    T: Send + Sync + 'static,
    K: Key<T>,
{
    /// Makes the group, with a member for each closure. They begin together. Each goes to the least loaded
    /// thread of the router.
    ///
    /// # Panics
    /// Where [`Self::try_handlers`] gives an error.
    #[track_caller]
    pub fn handlers<F>(self, handlers: impl IntoIterator<Item = F>) -> Group<T, K>
    where
        F: FnMut(&T) + Send + 'static,
    {
        sure(self.try_handlers(handlers))
    }

    /// Makes the group, with a member for each closure; see [`handlers`](Self::handlers).
    ///
    /// # Errors
    /// `after` was given something of another bus, or that has ended.
    pub fn try_handlers<F>(
        self,
        handlers: impl IntoIterator<Item = F>,
    ) -> Result<Group<T, K>, RouterError>
    where
        F: FnMut(&T) + Send + 'static,
    {
        if let Some(refused) = self.refused {
            return Err(refused.into());
        }
        let common = Arc::new(Common {
            shared: Arc::clone(self.shared),
            name: self.name,
            key: Arc::new(self.key),
            after: self.after,
            policy: self.policy,
            membership: Arc::new(Membership::new()),
        });
        let handlers: Vec<_> = handlers.into_iter().map(Closure).collect();
        let members = common.add(handlers, self.start, None)?;
        Ok(Group { common, members })
    }
}

/// Handlers that share the messages between them: competing consumers.
///
/// Every message that is published while the group has a member goes to exactly one of them, on
/// whichever threads they are; with a [`key`](GroupBuilder::key) the same key always goes to the same
/// one, in order, while no member joins or leaves. Members read in place like every handler: each has a
/// cursor of its own and passes over what is another's. So a member that is too slow holds up
/// publishers like any lossless subscriber, and `stats` shows which one lags.
///
/// Nothing is lost, and nothing handled twice, when members come and go: one that is
/// [removed](HandlerHandle::remove) handles its part of what was published before, and one that
/// panics leaves it to another. (If there is no other, the report has it as left; while a group has no
/// members, messages are for nobody.)
///
/// Dropping this leaves the members where they are.
///
/// # Examples
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use stentor::{Bus, Drain, Router};
///
/// let bus = Bus::<(u32, u64)>::new(1024);
/// let publisher = bus.publisher();
/// let router = Router::builder(&bus).threads(2).start()?;
/// let sum = Arc::new(AtomicU64::new(0));
/// let worker = |_| {
///     let sum = Arc::clone(&sum);
///     move |order: &(u32, u64)| {
///         sum.fetch_add(order.1, Ordering::Relaxed);
///     }
/// };
/// let group = router.group("orders").key(|order| order.0).handlers((0..3).map(worker));
/// let fourth = group.join(worker(3));
/// for n in 1..=100 {
///     publisher.publish((n % 7, u64::from(n))).unwrap();
/// }
/// fourth.remove();
/// let report = router.shutdown(Drain::Yes);
/// assert_eq!(sum.load(Ordering::Relaxed), 5050);
/// # Ok::<(), stentor::RouterError>(())
/// ```
pub struct Group<T, K = Spread> {
    common: Arc<Common<T, K>>,
    members: Vec<HandlerHandle<T>>,
}

impl<T, K> Group<T, K>
where
    T: Send + Sync + 'static,
    K: Key<T>,
{
    /// Its name.
    pub fn name(&self) -> &str {
        &self.common.name
    }

    /// The members that it was made with, in order.
    pub fn members(&self) -> &[HandlerHandle<T>] {
        &self.members
    }

    /// Takes in another member, on the least loaded thread. The others go on meanwhile.
    ///
    /// # Panics
    /// Where [`Self::try_join`] gives an error.
    #[track_caller]
    pub fn join(&self, handler: impl FnMut(&T) + Send + 'static) -> HandlerHandle<T> {
        sure(self.try_join(handler))
    }

    /// Takes in another member; see [`join`](Self::join).
    ///
    /// # Errors
    /// The router has been shut down.
    pub fn try_join(
        &self,
        handler: impl FnMut(&T) + Send + 'static,
    ) -> Result<HandlerHandle<T>, RouterError> {
        self.common.add_one(Closure(handler), None)
    }

    /// Takes in another member, on a thread of the router by its number from 0.
    ///
    /// # Errors
    /// There is no such thread, or the router has been shut down.
    pub fn try_join_on(
        &self,
        thread: usize,
        handler: impl FnMut(&T) + Send + 'static,
    ) -> Result<HandlerHandle<T>, RouterError> {
        self.common.add_one(Closure(handler), Some(thread))
    }
}

impl<T, K> Common<T, K>
where
    T: Send + Sync + 'static,
    K: Key<T>,
{
    fn add_one(
        &self,
        handler: impl Handler<T>,
        thread: Option<usize>,
    ) -> Result<HandlerHandle<T>, RouterError> {
        let mut added = self.add(vec![handler], Start::Next, thread)?;
        added.pop().ok_or(RouterError::ShutDown)
    }

    /// Adds members, which join together.
    fn add<H: Handler<T>>(
        &self,
        handlers: Vec<H>,
        start: Start,
        thread: Option<usize>,
    ) -> Result<Vec<HandlerHandle<T>>, RouterError> {
        let shared = &self.shared;
        if let Some(thread) = thread {
            choose_thread(shared, Some(thread))?;
        }
        let subscribers: Result<Vec<_>, _> =
            handlers.iter().map(|_| self.subscribe(start)).collect();
        let subscribers = subscribers?;
        let cursors = subscribers
            .iter()
            .map(|subscriber| (StdArc::clone(&subscriber.member().cursor), subscriber.position()));
        let seats = self.membership.join(cursors.collect());
        let members = handlers.into_iter().zip(subscribers).zip(seats);
        let added = members.map(|((handler, subscriber), seat)| {
            let thread = choose_thread(shared, thread)?;
            self.start(handler, subscriber, seat, thread)
        });
        added.collect()
    }

    fn subscribe(&self, start: Start) -> Result<Subscriber<T>, SubscribeError> {
        let mut subscription =
            SubscriberBuilder::new(&self.shared.core).name(&self.name).from(start);
        self.after.iter().for_each(|cursor| subscription.stay_behind(Ok(StdArc::clone(cursor))));
        subscription.try_subscribe()
    }

    /// Gives a member to its thread.
    fn start(
        &self,
        handler: impl Handler<T>,
        subscriber: Subscriber<T>,
        seat: Arc<Seat>,
        thread: usize,
    ) -> Result<HandlerHandle<T>, RouterError> {
        let shared = &self.shared;
        let id = HandlerId(shared.common.new_key());
        let (name, group) = (format!("{}-{}", self.name, seat.id()), Some(self.name.clone()));
        let member = StdArc::clone(subscriber.member());
        let record = StdArc::new(Record::new(id, name, group, thread, self.policy, member));
        let work = Member {
            core: Arc::clone(&shared.core),
            membership: Arc::clone(&self.membership),
            seat,
            // Of no epoch: it learns of its share in its first turn.
            epoch: u64::MAX,
            duties: vec![Duty { subscriber, share: Share::new(), until: None }],
            key: Arc::clone(&self.key),
            handler,
            unflushed: false,
            record: StdArc::clone(&record),
        };
        if shared.add(&record, Box::new(work)) {
            Ok(HandlerHandle::new(Arc::clone(shared), record))
        } else {
            Err(RouterError::ShutDown)
        }
    }
}

impl<T, K> fmt::Debug for GroupBuilder<'_, T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T, K> fmt::Debug for Group<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.common.name).finish_non_exhaustive()
    }
}
