//! What the thread of a stage does: read a batch in place, append it, have it forced to disk, move on.

use std::sync::Arc as StdArc;
use std::time::{Duration, Instant};

use crate::broker::Message;
use crate::bus::core::Core;
use crate::bus::{Batch, Subscriber};
use crate::codec::encode_frame;
use crate::envelope::{MessageEnvelope, TopicPattern};
use crate::journal::config::{Durability, OnFailure};
use crate::journal::error::JournalError;
use crate::journal::journal::Journal;
use crate::journal::query::matches;
use crate::journal::record::Kind;
use crate::sync::counter::Counter;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::wait::doorbell::{Doorbell, Key};

/// The longest batch: more than a ring gives at once.
const MOST: usize = 1 << 16;

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

    fn is_stopping(&self) -> bool {
        // SYNC POINT, acquire: pairs with `stop`.
        self.stopping.load(Ordering::Acquire)
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
        // SYNC POINT, acquire: pairs with the end of `run`; what it made durable is seen.
        if self.ended.load(Ordering::Acquire) { Err(JournalError::Ended) } else { Ok(()) }
    }
}

/// The thread of a stage.
pub(crate) struct Recorder<M> {
    subscriber: Subscriber<MessageEnvelope<M>>,
    shared: StdArc<Shared<M>>,
    /// When it last said that messages go on without being journalled.
    complained: Option<Instant>,
}

impl<M: Message> Recorder<M> {
    pub(crate) fn new(
        subscriber: Subscriber<MessageEnvelope<M>>,
        shared: StdArc<Shared<M>>,
    ) -> Self {
        Self { subscriber, shared, complained: None }
    }

    /// Records until the broker is closed, or the stage stopped.
    pub(crate) fn run(mut self) {
        let _end = End(StdArc::clone(&self.shared));
        while let Some((ring, recorded)) = self.step() {
            match recorded {
                Ok(recorded) => self.note(ring, recorded),
                Err(error) => return self.stand_still(error),
            }
        }
    }

    /// Records a batch, and moves on behind it: where it ends, and what has become of it. `None` at the end of all.
    fn step(&mut self) -> Option<(u64, Result<Recorded, JournalError>)> {
        let shared = &*self.shared;
        let mut batch = self.subscriber.read_until(MOST, || shared.is_stopping())?.ok()?;
        let ring = batch.first_sequence() + batch.len() as u64;
        let recorded = record(shared, &batch);
        if recorded.is_err() {
            batch.consume(0);
        }
        Some((ring, recorded))
    }

    /// A batch is dealt with.
    fn note(&mut self, ring: u64, recorded: Recorded) {
        let Recorded { sequence, journalled, passed, lost, error } = recorded;
        let counts = &self.shared.counts;
        counts.journalled.add(journalled);
        counts.passed.add(passed);
        counts.lost.add(lost);
        counts.batches.add(1);
        let mut boundary = self.shared.boundary.lock();
        *boundary = Boundary { ring, sequence: sequence.unwrap_or(boundary.sequence) };
        drop(boundary);
        if let Some(error) = error {
            self.complain(&error);
        }
        self.shared.bell.ring();
    }

    /// Says that messages go on without being journalled; at most once a second.
    fn complain(&mut self, error: &JournalError) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| now - last >= Duration::from_secs(1)) {
            self.complained = Some(now);
            tracing::error!(
                target: "stentor::journal", lost = self.shared.counts.lost.get(),
                "messages go on without being journalled: {error}"
            );
        }
    }

    /// Closes the bus, and holds back those behind until the stage is stopped.
    fn stand_still(&mut self, error: JournalError) {
        tracing::error!(target: "stentor::journal", "the broker is closed, for its journal failed: {error}");
        *self.shared.failure.lock() = Some(StdArc::new(error));
        self.subscriber.core.close();
        self.shared.bell.ring();
        let shared = StdArc::clone(&self.shared);
        self.subscriber.rest_until(|| shared.is_stopping());
    }
}

/// Lets those who wait know that the stage has ended, also if a codec panics.
struct End<M: 'static>(StdArc<Shared<M>>);

impl<M: 'static> Drop for End<M> {
    fn drop(&mut self) {
        // SYNC POINT, release: pairs with `check`.
        self.0.ended.store(true, Ordering::Release);
        self.0.bell.ring();
    }
}

/// What has become of a batch.
#[derive(Default)]
struct Recorded {
    /// The sequence behind its last record, if it has any.
    sequence: Option<u64>,
    journalled: u64,
    passed: u64,
    lost: u64,
    /// Why the last of the lost was.
    error: Option<JournalError>,
}

/// Appends the selected messages of a batch, and has them forced to disk if that is the policy. An error where the
/// policy is to stop.
fn record<M: Message>(
    shared: &Shared<M>,
    batch: &Batch<'_, MessageEnvelope<M>>,
) -> Result<Recorded, JournalError> {
    let store = shared.journal.store();
    let goes_on = store.config.on_failure == OnFailure::GoOn;
    let mut recorded = Recorded::default();
    let selected =
        |envelope: &&MessageEnvelope<M>| matches(shared.pattern.as_ref(), &envelope.metadata);
    let count = match shared.pattern {
        None => batch.len(),
        Some(_) => batch.iter().filter(selected).count(),
    } as u64;
    recorded.passed = batch.len() as u64 - count;
    if count == 0 {
        return Ok(recorded);
    }
    let codec = shared.journal.codec();
    let appended = store.append(|writer, progress| {
        for envelope in batch.iter().filter(selected) {
            let write = |bytes: &mut Vec<u8>| encode_frame(envelope, &**codec, bytes);
            match writer.push(Kind::Message, progress, write) {
                Err(error @ (JournalError::Encode(_) | JournalError::TooLarge { .. }))
                    if goes_on =>
                {
                    recorded.lost += 1;
                    recorded.error = Some(error);
                }
                pushed => drop(pushed?),
            }
        }
        Ok(())
    });
    let done = appended.and_then(|((), next)| {
        recorded.sequence = Some(next);
        if store.config.durability == Durability::EveryBatch { store.sync(next) } else { Ok(()) }
    });
    match done {
        Ok(()) => {
            recorded.journalled = count - recorded.lost;
            Ok(recorded)
        }
        Err(error) if goes_on => {
            // What was written of it, if anything, may not be on disk.
            let (lost, error) = (count, Some(error));
            Ok(Recorded { lost, error, passed: recorded.passed, ..Recorded::default() })
        }
        Err(error) => Err(error),
    }
}
