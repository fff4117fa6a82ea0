//! The publishing side.

use std::fmt;

use crate::bus::core::Core;
use crate::bus::error::{TryPublishError, TryPublishWithError};
use crate::ring::sequencer::Blocked;
use crate::sync::Arc;

/// Publishes messages on a [`Bus`](crate::Bus). Made by [`Bus::publisher`](crate::Bus::publisher).
///
/// `Clone`, `Send` and `Sync`: share one or clone it, as is convenient. While one thread at a time
/// publishes on a bus it does so with plain stores; when a second joins in, both claim by
/// compare-and-swap. Messages published by one thread keep their order.
///
/// Dropping the last publisher closes the bus.
pub struct Publisher<T> {
    pub(crate) core: Arc<Core<T>>,
    /// The message that `Sink::start_send` took and the ring had no room for.
    pub(crate) unsent: Option<T>,
    /// The key of `Sink`'s registration at the doorbell, once it has one.
    pub(crate) sink_key: Option<u64>,
}

impl<T> Publisher<T> {
    pub(crate) fn new(core: Arc<Core<T>>) -> Self {
        core.add_publisher();
        Self { core, unsent: None, sink_key: None }
    }

    /// Publishes if there is room, and never waits for subscribers.
    ///
    /// # Errors
    /// `Full` while a subscriber is a whole ring behind, `Closed` for good; both give the message back.
    ///
    /// # Examples
    /// ```
    /// use stentor::{Bus, TryPublishError};
    ///
    /// let bus = Bus::new(1);
    /// let publisher = bus.publisher();
    /// let mut subscriber = bus.subscribe();
    /// publisher.try_publish("first").unwrap();
    /// assert_eq!(publisher.try_publish("second"), Err(TryPublishError::Full("second")));
    /// assert_eq!(subscriber.recv(), Ok("first"));
    /// publisher.try_publish("second").unwrap();
    /// ```
    #[inline]
    pub fn try_publish(&self, message: T) -> Result<(), TryPublishError<T>> {
        self.core.try_publish(message)
    }

    /// Publishes a message that `write` writes in place: for messages too large to move.
    ///
    /// The slot holds an older message of this bus, or a `T::default()`; overwrite what matters, reuse
    /// what it has allocated. While `write` runs, later messages of others wait behind this one. If it
    /// panics, the message is not published, nobody is held up, and the panic goes on to the caller.
    /// `write` must not publish on the same bus with a method that waits: on a full ring it would wait
    /// for itself.
    ///
    /// # Errors
    /// `Full` or `Closed`; `write` was not called.
    pub fn try_publish_with(&self, write: impl FnOnce(&mut T)) -> Result<(), TryPublishWithError>
    where
        T: Default,
    {
        /// Wakes subscribers, also after a panic: they pass over the place.
        struct Ring<'a, T>(&'a Core<T>);
        impl<T> Drop for Ring<'_, T> {
            fn drop(&mut self) {
                self.0.announce();
            }
        }
        let _ring = Ring(&self.core);
        self.core.ring.push_with(T::default, write).map_err(|blocked| match blocked {
            Blocked::Full => TryPublishWithError::Full,
            Blocked::Closed => TryPublishWithError::Closed,
        })
    }

    /// Whether the bus is closed.
    pub fn is_closed(&self) -> bool {
        self.core.ring.sequencer.end().is_some()
    }

    /// Slots in the ring.
    pub fn capacity(&self) -> usize {
        self.core.ring.capacity() as usize
    }
}

impl<T> Clone for Publisher<T> {
    /// Another publisher on the same bus. (What `Sink` has not sent yet stays with this one.)
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.core))
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        if let Some(key) = self.sink_key {
            self.core.room.cancel(key);
        }
        self.core.remove_publisher();
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
