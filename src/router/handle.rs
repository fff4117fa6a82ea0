//! What is left of a handler in the hand of who added it.

use std::fmt;
use std::sync::Arc as StdArc;

use crate::bus::upstream::follow::{Follow, On, Place};
use crate::bus::{SubscribeError, Upstream};
use crate::router::record::{HandlerId, Record};
use crate::router::report::HandlerReport;
use crate::router::shared::Shared;
use crate::router::stats::HandlerStats;
use crate::router::worker::Command;
use crate::sync::Arc;

/// A handler of a [`Router`](crate::Router). Dropping this leaves the handler where it is; clones are the same
/// handler.
pub struct HandlerHandle<T> {
    shared: Arc<Shared<T>>,
    record: StdArc<Record>,
}

impl<T> HandlerHandle<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>, record: StdArc<Record>) -> Self {
        Self { shared, record }
    }

    /// Its id.
    pub fn id(&self) -> HandlerId {
        self.record.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// The number of its thread, from 0.
    pub fn thread(&self) -> usize {
        self.record.thread
    }

    /// How it is doing.
    pub fn stats(&self) -> HandlerStats {
        let common = &self.shared.common;
        let turn_since = common.stations[self.record.thread].turn_since.get();
        self.record.stats(self.shared.head(), &common.clock, turn_since)
    }

    /// Whether it has ended, by itself or because it was asked to. Then it will not be called any more,
    /// and what it owned is dropped.
    pub fn has_ended(&self) -> bool {
        self.record.fate().is_some()
    }

    /// Asks it to end after the batch it is in, and does not wait for that. A member of a group first
    /// handles what is its own up to where the others take over.
    pub fn stop(&self) {
        self.shared.send(self.record.thread, Command::Remove(self.record.id));
    }

    /// Ends it, as [`stop`](Self::stop) does, and waits until it has ended, however long its batch
    /// takes. What it has not read stays unread; nobody waits for it any more.
    ///
    /// Called on a thread of the router, it does not wait, and the report may say
    /// [`Stuck`](crate::Fate::Stuck).
    pub fn remove(self) -> HandlerReport {
        self.stop();
        self.shared.common.wait_until(None, || self.has_ended());
        // One that had ended by itself stays on the list until it is removed.
        if self.has_ended() {
            self.shared.common.records.lock().retain(|record| record.id != self.record.id);
        }
        self.record.report(self.shared.head())
    }
}

impl<T> Clone for HandlerHandle<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), StdArc::clone(&self.record))
    }
}

impl<T> fmt::Debug for HandlerHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HandlerHandle");
        shown.field("name", &self.name()).field("id", &self.id()).finish_non_exhaustive()
    }
}

impl<T> Upstream<T> for HandlerHandle<T> {}

impl<T> Follow<T> for HandlerHandle<T> {
    fn place(&self, on: On<'_, T>) -> Place {
        if Arc::ptr_eq(&self.shared.core, on.0) {
            Place(self.record.member.follow())
        } else {
            Place(Err(SubscribeError::AfterOtherBus { name: self.name().to_owned() }))
        }
    }
}
