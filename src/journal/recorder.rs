//! What the thread of a stage does: read a batch in place, append it, have it forced to disk, move on.

use std::sync::Arc as StdArc;
use std::time::{Duration, Instant};

use crate::broker::Message;
use crate::bus::{Batch, Subscriber};
use crate::codec::encode_frame;
use crate::envelope::MessageEnvelope;
use crate::journal::config::{Durability, OnFailure};
use crate::journal::error::JournalError;
use crate::journal::query::matches;
use crate::journal::record::Kind;
use crate::journal::shared::{Boundary, Shared};

/// The longest batch: more than a ring gives at once.
const MOST: usize = 1 << 16;

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
        self.shared.fail(error);
        self.subscriber.core.close();
        let shared = StdArc::clone(&self.shared);
        self.subscriber.rest_until(|| shared.is_stopping());
    }
}

/// Lets those who wait know that the stage has ended, also if a codec panics.
struct End<M: 'static>(StdArc<Shared<M>>);

impl<M: 'static> Drop for End<M> {
    fn drop(&mut self) {
        self.0.end();
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
