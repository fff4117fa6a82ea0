//! The bus itself: where publishers and subscribers come from.

use std::fmt;

use crate::bus::builder::{BusBuilder, SubscriberBuilder};
use crate::bus::core::Core;
use crate::bus::publisher::Publisher;
use crate::bus::stats::BusStats;
use crate::bus::subscriber::Subscriber;
use crate::sync::Arc;

/// A publish/subscribe bus for messages of one type, within one process.
///
/// Every subscriber sees every message, all in the same order, and reads it where it was written. The
/// handle is for making [`Publisher`]s and [`Subscriber`]s and for looking at them; clones are the same
/// bus.
///
/// # When it closes
/// When [`close`](Self::close) is called, or when the last `Publisher` is dropped, whether or not a
/// `Bus` remains; for good. To keep a bus open while publishers come and go, keep one `Publisher`: it is
/// `Sync` and costs nothing while it is idle. (A bus that never had a publisher closes with its last
/// `Bus`.) Subscribers then read what was accepted, and after that get `Closed`.
///
/// # Examples
/// ```
/// use stentor::Bus;
///
/// let bus = Bus::new(1024);
/// let publisher = bus.publisher();
/// let mut audit = bus.subscribe();
/// let mut ticker = bus.subscribe();
///
/// let reader = std::thread::spawn(move || audit.by_ref().sum::<u64>());
/// for price in 1..=100 {
///     publisher.publish(price).unwrap();
/// }
/// assert_eq!(ticker.recv(), Ok(1));
/// drop(publisher);
/// # drop(ticker);
/// assert_eq!(reader.join().unwrap(), 5050);
/// ```
pub struct Bus<T> {
    core: Arc<Core<T>>,
}

impl<T> Bus<T> {
    /// A bus whose subscribers may be `capacity` messages behind (rounded up to a power of two), with
    /// the defaults of [`BusBuilder`].
    ///
    /// # Panics
    /// If `capacity` is 0, or there is no memory for it.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self::builder().capacity(capacity).build()
    }

    /// A bus that says more of itself.
    ///
    /// ```
    /// let bus: stentor::Bus<u64> = stentor::Bus::builder().capacity(65_536).retain(100).build();
    /// assert_eq!(bus.capacity(), 65_536);
    /// ```
    pub fn builder() -> BusBuilder<T> {
        BusBuilder::new()
    }

    pub(crate) fn from_core(core: Arc<Core<T>>) -> Self {
        Self { core }
    }

    /// What its handles share; it keeps no bus open.
    pub(crate) fn core(&self) -> &Arc<Core<T>> {
        &self.core
    }

    /// A new publisher. On a closed bus it gets every message back.
    pub fn publisher(&self) -> Publisher<T> {
        Publisher::new(Arc::clone(&self.core))
    }

    /// Subscribes: every message published from now on, none lost.
    /// Publishers go on meanwhile.
    pub fn subscribe(&self) -> Subscriber<T> {
        self.subscriber().subscribe()
    }

    /// A subscription that says more of itself.
    ///
    /// ```
    /// use stentor::{Bus, Overflow};
    ///
    /// let bus = Bus::<u64>::new(64);
    /// let journal = bus.subscriber().name("journal").subscribe();
    /// let monitor = bus.subscriber().name("monitor").overflow(Overflow::DropOldest).subscribe();
    /// let business = bus.subscriber().name("business").after(&[&journal]).subscribe();
    /// # drop((monitor, business));
    /// ```
    pub fn subscriber(&self) -> SubscriberBuilder<'_, T> {
        SubscriberBuilder::new(&self.core)
    }

    /// Slots in the ring: the capacity asked for, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.core.ring.capacity() as usize
    }

    /// How many messages have been published.
    pub fn published(&self) -> u64 {
        self.core.ring.sequencer.head()
    }

    /// How many subscriptions there are, without a lock.
    #[inline]
    pub fn subscribers(&self) -> usize {
        self.core.ring.sequencer.gate.len()
    }

    /// How the bus and its subscribers are doing. Takes the lock of subscribing, never one of
    /// publishing or receiving.
    pub fn stats(&self) -> BusStats {
        self.core.stats()
    }

    /// Closes the bus, for good: publishers get their messages back from now on, subscribers read what
    /// was accepted and then get `Closed`. Everybody who waits is woken.
    pub fn close(&self) {
        self.core.close();
    }

    /// Whether the bus is closed. Subscribers may still have messages to read.
    pub fn is_closed(&self) -> bool {
        self.core.ring.sequencer.end().is_some()
    }
}

impl<T> Clone for Bus<T> {
    fn clone(&self) -> Self {
        self.core.add_bus();
        Self { core: Arc::clone(&self.core) }
    }
}

impl<T> Drop for Bus<T> {
    fn drop(&mut self) {
        self.core.remove_bus();
    }
}

impl<T> fmt::Debug for Bus<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Bus");
        shown.field("capacity", &self.capacity()).field("published", &self.published());
        shown.finish_non_exhaustive()
    }
}
