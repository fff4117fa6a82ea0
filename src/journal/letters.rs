//! Dead letters: kept in the journal, and published again.

use std::fmt;
use std::sync::Arc as StdArc;
use std::thread::{Builder, JoinHandle};

use crate::broker::{DeadLetter, InMemoryMessageBroker, Message, MessageBroker};
use crate::bus::core::Core;
use crate::bus::{Batch, RecvError, Subscriber};
use crate::codec::{Codec, CodecError, encode_frame};
use crate::hook::Hook;
use crate::journal::config::Durability;
use crate::journal::error::JournalError;
use crate::journal::journal::Journal;
use crate::journal::query::ReplayQuery;
use crate::journal::record::Kind;
use crate::sync::{Arc, AtomicBool, Ordering};

/// The longest batch.
const MOST: usize = 1024;

/// The body of a dead letter's record.
pub(crate) fn encode_letter<M: 'static>(
    letter: &DeadLetter<M>,
    codec: &dyn Codec<M>,
    bytes: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let mut reason = letter.reason.to_string();
    while reason.len() > usize::from(u16::MAX) {
        reason.pop();
    }
    bytes.extend((reason.len() as u16).to_le_bytes());
    bytes.extend(reason.as_bytes());
    encode_frame(&letter.envelope, codec, bytes)
}

impl<M: Message> Journal<M> {
    /// Journals the dead letters of a broker from now on, with their reasons, on a thread of its own. It ends with the
    /// broker, or when what this gives is dropped. Dead letters wait for nobody: if more come at a time than the
    /// broker keeps, the oldest are not journalled, and an error in the log says how many.
    ///
    /// # Errors
    /// The journal has failed, or the thread cannot be started.
    pub fn keep_dead_letters<H: Hook<M>>(
        &self,
        broker: &InMemoryMessageBroker<M, H>,
    ) -> Result<DeadLetterStage<M>, JournalError> {
        self.store().check()?;
        let letters = broker.dead_letters();
        let (core, stopping) = (Arc::clone(&letters.core), StdArc::new(AtomicBool::new(false)));
        let (journal, is_over) = (self.clone(), StdArc::clone(&stopping));
        let thread = Builder::new().name("stentor-dead-letters".into());
        let thread = thread.spawn(move || keep(&journal, letters, &is_over));
        let thread = thread.map_err(JournalError::io(self.path(), "start a thread for"))?;
        Ok(DeadLetterStage { core, stopping, thread: Some(thread) })
    }

    /// Publishes the dead letters that are wanted again, as they were, and withdraws each from the journal: a letter is
    /// published again once, or twice if the process ends between the two. Gives how many there were.
    ///
    /// # Errors
    /// One cannot be read, published or withdrawn; those before it are done with.
    pub async fn requeue<B: MessageBroker<M>>(
        &self,
        broker: &B,
        query: ReplayQuery,
    ) -> Result<u64, RequeueError<B::Error>> {
        let mut requeued = 0;
        for letter in self.replay(query.dead_letters()).map_err(RequeueError::Journal)? {
            let letter = letter.map_err(RequeueError::Journal)?;
            broker.publish(letter.envelope).await.map_err(RequeueError::Broker)?;
            self.withdraw(letter.sequence).map_err(RequeueError::Journal)?;
            requeued += 1;
        }
        Ok(requeued)
    }
}

fn keep<M: Message>(
    journal: &Journal<M>,
    mut letters: Subscriber<DeadLetter<M>>,
    is_over: &AtomicBool,
) {
    // SYNC POINT, acquire: pairs with the drop of the handle.
    while let Some(read) = letters.read_until(MOST, || is_over.load(Ordering::Acquire)) {
        match read {
            Ok(batch) => {
                if let Err(error) = append(journal, &batch) {
                    tracing::error!(
                        target: "stentor::journal", letters = batch.len(),
                        "dead letters are not journalled: {error}"
                    );
                }
            }
            Err(RecvError::Lagged(count)) => {
                tracing::error!(target: "stentor::journal", count, "dead letters came too fast to be journalled");
            }
            Err(RecvError::Evicted(_) | RecvError::Closed) => break,
        }
    }
}

fn append<M: Message>(
    journal: &Journal<M>,
    batch: &Batch<'_, DeadLetter<M>>,
) -> Result<(), JournalError> {
    let (store, codec) = (journal.store(), &**journal.codec());
    let ((), next) = store.append(|writer, progress| {
        for letter in batch {
            let write = |bytes: &mut Vec<u8>| encode_letter(letter, codec, bytes);
            writer.push(Kind::DeadLetter, progress, write)?;
        }
        Ok(())
    })?;
    if store.config.durability == Durability::EveryBatch { store.sync(next) } else { Ok(()) }
}

/// Journals the dead letters of a broker. Made by [`Journal::keep_dead_letters`].
#[must_use = "dropping it ends the journalling of dead letters"]
pub struct DeadLetterStage<M> {
    core: Arc<Core<DeadLetter<M>>>,
    stopping: StdArc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl<M> DeadLetterStage<M> {
    /// Waits until it has ended: the broker is gone, and its last dead letters are journalled.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // One that has panicked has said so.
            drop(thread.join());
        }
    }
}

impl<M> Drop for DeadLetterStage<M> {
    fn drop(&mut self) {
        // SYNC POINT, release: pairs with the thread's look.
        self.stopping.store(true, Ordering::Release);
        self.core.arrivals.ring();
        if let Some(thread) = self.thread.take() {
            // One that has panicked has said so.
            drop(thread.join());
        }
    }
}

impl<M> fmt::Debug for DeadLetterStage<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterStage").finish_non_exhaustive()
    }
}

/// Dead letters could not all be published again.
#[derive(Debug)]
#[non_exhaustive]
pub enum RequeueError<E> {
    /// The journal could not be read or written.
    Journal(JournalError),
    /// The broker did not take one.
    Broker(E),
}

impl<E: fmt::Display> fmt::Display for RequeueError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Broker(error) => write!(f, "a dead letter was not published again: {error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RequeueError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            Self::Broker(error) => Some(error),
        }
    }
}
