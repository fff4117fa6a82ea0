//! Building a bus, and a subscription.

use smallvec::SmallVec;
use std::marker::PhantomData;
use std::sync::Arc as StdArc;

use crate::bus::bus::Bus;
use crate::bus::core::{Core, Member};
use crate::bus::error::{BuildError, SubscribeError};
use crate::bus::stats::SubscriberId;
use crate::bus::subscriber::Subscriber;
use crate::bus::upstream::Upstream;
use crate::bus::upstream::follow::On;
use crate::ring::cursor::{Cursor, Overflow};
use crate::ring::ring::Ring;
use crate::sync::Arc;
use crate::wait::strategy::WaitStrategy;

/// Builds a [`Bus`]: see [`Bus::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct BusBuilder<T> {
    capacity: usize,
    retain: usize,
    wait: WaitStrategy,
    message: PhantomData<fn(T)>,
}

impl<T> BusBuilder<T> {
    pub(crate) fn new() -> Self {
        Self { capacity: 1024, retain: 0, wait: WaitStrategy::default(), message: PhantomData }
    }

    /// How many messages a subscriber may be behind before it holds up publishers (or is dealt with by
    /// its [`Overflow`]); rounded up to a power of two. 1,024 unless said.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// How many of the last messages stay readable for those who join with [`Start::Oldest`]; at most
    /// the capacity. 0 unless said.
    ///
    /// The ring is made larger where it would otherwise hold nothing else. Publishers look at the gate
    /// once in `capacity - retain` messages even where nobody is behind, so leave some room.
    pub fn retain(mut self, messages: usize) -> Self {
        self.retain = messages;
        self
    }

    /// How threads wait, on both sides. [`WaitStrategy::Adaptive`] unless said.
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.wait = strategy;
        self
    }

    /// Builds the bus.
    ///
    /// # Panics
    /// Where [`Self::try_build`] gives an error.
    #[track_caller]
    pub fn build(self) -> Bus<T> {
        match self.try_build() {
            Ok(bus) => bus,
            Err(error) => panic!("{error}"),
        }
    }

    /// Builds the bus.
    ///
    /// # Errors
    /// A capacity of 0, or for which there is no memory; a `retain` beyond the capacity.
    pub fn try_build(self) -> Result<Bus<T>, BuildError> {
        let Self { capacity, retain, wait, .. } = self;
        if capacity == 0 {
            return Err(BuildError::ZeroCapacity);
        }
        if retain > capacity {
            return Err(BuildError::RetainTooLarge { retain, capacity });
        }
        // One more than is retained, or there would be no slot to write to.
        let ring = capacity
            .max(retain + 1)
            .checked_next_power_of_two()
            .and_then(|slots| Ring::new(slots, retain as u64))
            .ok_or(BuildError::OutOfMemory { capacity, message_size: size_of::<T>() })?;
        Ok(Bus::from_core(Arc::new(Core::new(ring, wait))))
    }
}

/// Where a new subscriber starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// At the next message to be published.
    #[default]
    Next,
    /// At the oldest retained message: see [`BusBuilder::retain`].
    Oldest,
}

/// Builds a [`Subscriber`]: see [`Bus::subscriber`].
#[must_use = "a builder does nothing until `subscribe`"]
pub struct SubscriberBuilder<'a, T> {
    core: &'a Arc<Core<T>>,
    name: Option<String>,
    overflow: Overflow,
    start: Start,
    after: SmallVec<[StdArc<Cursor>; 2]>,
    refused: Option<SubscribeError>,
}

impl<'a, T> SubscriberBuilder<'a, T> {
    pub(crate) fn new(core: &'a Arc<Core<T>>) -> Self {
        Self {
            core,
            name: None,
            overflow: Overflow::Block,
            start: Start::Next,
            after: SmallVec::new(),
            refused: None,
        }
    }

    /// What `stats` and errors call it. `subscriber-` and its id unless said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What happens when it is in the way of a full ring. [`Overflow::Block`] unless said.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Where it starts. [`Start::Next`] unless said.
    pub fn from(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// It sees a message only once all of these are past it: journal before business, say. One that is
    /// dropped, or evicted, is waited for no longer. Since they must exist before it, there are no
    /// cycles.
    pub fn after(mut self, others: &[&dyn Upstream<T>]) -> Self {
        others.iter().for_each(|other| self.stay_behind(other.place(On(self.core)).0));
        self
    }

    /// Stays behind a cursor that is followed, if it could be.
    pub(crate) fn stay_behind(&mut self, followed: Result<StdArc<Cursor>, SubscribeError>) {
        match followed {
            Ok(cursor) => self.after.push(cursor),
            Err(error) => self.refused = self.refused.take().or(Some(error)),
        }
    }

    /// Subscribes. Publishers go on meanwhile.
    ///
    /// # Panics
    /// Where [`Self::try_subscribe`] gives an error.
    #[track_caller]
    pub fn subscribe(self) -> Subscriber<T> {
        match self.try_subscribe() {
            Ok(subscriber) => subscriber,
            Err(error) => panic!("{error}"),
        }
    }

    /// Subscribes. Publishers go on meanwhile; every message whose publishing begins after this returns
    /// will be seen. On a closed bus the subscriber finds what is retained for it, then `Closed`.
    ///
    /// # Errors
    /// `after` was given a subscriber of another bus, or an evicted one.
    pub fn try_subscribe(self) -> Result<Subscriber<T>, SubscribeError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let id = SubscriberId(self.core.new_key());
        let name = self.name.unwrap_or_else(|| format!("subscriber-{id}"));
        let (member, start) = self.core.join(self.start == Start::Oldest, |at| Member {
            id,
            name: name.clone(),
            cursor: StdArc::new(Cursor::new(at, self.overflow)),
        });
        Ok(Subscriber::new(Arc::clone(self.core), member, self.after, start))
    }
}
