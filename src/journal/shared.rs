//! What a stage's thread shares with its handle, and with those who wait for it.

use std::sync::Arc as StdArc;

use crate::broker::Message;
use crate::bus::Subscriber;
use crate::bus::core::Core;
use crate::envelope::{MessageEnvelope, TopicPattern};
use crate::journal::error::JournalError;
use crate::journal::journal::Journal;
use crate::sync::counter::Counter;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::wait::doorbell::{Doorbell, Key};

/// What a stage's thread shares with its handle, and with those who wait for it.
pub(crate) struct Shared<M> {
    pub(crate) journal: Journal<M>,
    pub(crate) pattern: Option<TopicPattern>,
    pub(crate) core: Arc<Core<MessageEnvelope<M>>>,
    pub(crate) counts: Counts,
    /// Where the last batch ended.
    pub(crate) boundary: Mutex<Boundary>,
    /// The journal's bell: rung when the boundary moves, too.
    pub(crate) bell: StdArc<Doorbell>,
    stopping: AtomicBool,
    ended: AtomicBool,
    /// Why the stage does not journal any more.
    failure: Mutex<Option<StdArc<JournalError>>>,
}

/// What a stage has done, in numbers.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) journalled: Counter,
    pub(crate) passed: Counter,
    pub(crate) lost: Counter,
    pub(crate) batches: Counter,
}

/// Messages before this place of the ring have their records before this sequence of the journal; the others have not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Boundary {
    pub(crate) ring: u64,
    pub(crate) sequence: u64,
}

impl<M> Shared<M> {
    pub(crate) fn stop(&self) {
        // SYNC POINT, release: pairs with `is_stopping`.
        self.stopping.store(true, Ordering::Release);
        self.core.arrivals.ring();
    }

    /// Takes a sleeper off the journal's bell.
    pub(crate) fn cancel(&self, key: Key) {
        self.bell.cancel(key);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        // SYNC POINT, acquire: pairs with `stop`.
        self.stopping.load(Ordering::Acquire)
    }

    /// Nothing more comes from the stage.
    pub(crate) fn end(&self) {
        // SYNC POINT, release: pairs with `check`.
        self.ended.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// Nothing more is journalled.
    pub(crate) fn fail(&self, error: JournalError) {
        *self.failure.lock() = Some(StdArc::new(error));
        self.bell.ring();
    }

    pub(crate) fn failure(&self) -> Option<StdArc<JournalError>> {
        self.failure.lock().clone()
    }

    pub(crate) fn is_on(&self, core: &Arc<Core<MessageEnvelope<M>>>) -> bool {
        Arc::ptr_eq(&self.core, core)
    }
}

impl<M: Message> Shared<M> {
    pub(crate) fn new(
        journal: &Journal<M>,
        subscriber: &Subscriber<MessageEnvelope<M>>,
        pattern: Option<TopicPattern>,
    ) -> Self {
        let ring = subscriber.position();
        let sequence = journal.store().progress.written.get();
        Self {
            journal: journal.clone(),
            pattern,
            core: Arc::clone(&subscriber.core),
            counts: Counts::default(),
            boundary: Mutex::new(Boundary { ring, sequence }),
            bell: StdArc::clone(&journal.store().progress.bell),
            stopping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    /// An error if nothing will be journalled any more.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        if let Some(failure) = self.failure() {
            return Err(JournalError::Failed(failure));
        }
        self.journal.store().check()?;
        // SYNC POINT, acquire: pairs with `end`; what it made durable is seen.
        if self.ended.load(Ordering::Acquire) { Err(JournalError::Ended) } else { Ok(()) }
    }
}
