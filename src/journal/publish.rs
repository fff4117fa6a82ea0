//! Publishing, and knowing how far a message is: accepted, on disk, handled.

use std::fmt;
use std::sync::Arc as StdArc;

use crate::broker::{InMemoryMessageBroker, Message, MessageBroker};
use crate::bus::Upstream;
use crate::bus::upstream::follow::On;
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::journal::error::JournalError;
use crate::journal::keeper::Task;
use crate::journal::publish_error::PublishDurableError;
use crate::journal::shared::Shared;
use crate::journal::stage::JournalStage;
use crate::journal::waiting::WaitFor;
use crate::ring::cursor::Cursor;
use crate::wait::block_on::block_on;
use crate::wait::strategy::WaitStrategy;

/// How far a message is. Each state includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MessageState {
    /// The broker has it: it will be delivered, unless the process ends before.
    Accepted,
    /// It is on disk.
    Durable,
    /// Those who should handle it are past it.
    Handled,
}

/// What a publisher holds of a message that the broker has accepted: to learn how far it is.
pub struct Receipt<M> {
    shared: StdArc<Shared<M>>,
    /// The message is before this place of the ring.
    ring: u64,
    /// What had gone on without being journalled before it was published.
    lost_before: u64,
}

impl<M: Message> Receipt<M> {
    /// Waits until the message is on disk. Whatever the journal's policy, it then is: with
    /// [`Interval`](crate::Durability::Interval) and [`Os`](crate::Durability::Os) this forces it there.
    ///
    /// # Errors
    /// It is not on disk, or that is not known. The broker may have delivered it all the same.
    ///
    /// # Cancel safety
    /// The future can be dropped and asked for again.
    pub async fn durable(&self) -> Result<(), JournalError> {
        let progress = &self.shared.journal.store().progress;
        let mut records = None;
        let look = || self.look(&mut records);
        WaitFor::new(&progress.bell, progress.new_key(), look).await
    }

    /// Waits, as a thread, until the message is on disk.
    ///
    /// # Errors
    /// As [`durable`](Self::durable).
    pub fn durable_blocking(&self) -> Result<(), JournalError> {
        block_on(self.durable(), &WaitStrategy::default(), None).unwrap_or(Err(JournalError::Ended))
    }

    /// Waits until all of these are past the message: streams, subscribers, handlers of a router. A handler is past a
    /// message when it has returned; a stream when it has given the message away.
    ///
    /// # Errors
    /// One of them is on another bus, or has ended before.
    ///
    /// The future does not borrow them: they can be read meanwhile.
    pub fn handled<'a>(
        &'a self,
        by: &[&dyn Upstream<MessageEnvelope<M>>],
    ) -> impl Future<Output = Result<(), JournalError>> + Send + use<'a, M> {
        let core = &self.shared.core;
        let cursors = self.cursors(by);
        async move {
            let cursors = cursors?;
            let look = || match cursors.iter().map(|cursor| cursor.position()).min() {
                Some(None) => Some(Err(JournalError::Ended)),
                Some(Some(place)) if place < self.ring => None,
                Some(Some(_)) | None => Some(Ok(())),
            };
            WaitFor::new(&core.room, core.new_key(), look).await
        }
    }

    /// How far the message is, as far as is known: [`Handled`](MessageState::Handled) if all of `by` are past it (and
    /// there are any).
    ///
    /// # Errors
    /// One of them is on another bus, or has ended before.
    pub fn state(
        &self,
        by: &[&dyn Upstream<MessageEnvelope<M>>],
    ) -> Result<MessageState, JournalError> {
        let cursors = self.cursors(by)?;
        let is_past = |cursor: &StdArc<Cursor>| cursor.position() >= Some(self.ring);
        if !self.is_durable() {
            Ok(MessageState::Accepted)
        } else if !cursors.is_empty() && cursors.iter().all(is_past) {
            Ok(MessageState::Handled)
        } else {
            Ok(MessageState::Durable)
        }
    }

    fn is_durable(&self) -> bool {
        let boundary = *self.shared.boundary.lock();
        boundary.ring >= self.ring
            && self.shared.journal.store().progress.durable.get() >= boundary.sequence
            && self.shared.counts.lost.get() == self.lost_before
    }

    fn cursors(
        &self,
        of: &[&dyn Upstream<MessageEnvelope<M>>],
    ) -> Result<Vec<StdArc<Cursor>>, JournalError> {
        let places = of.iter().map(|other| other.place(On(&self.shared.core)).0);
        places.collect::<Result<_, _>>().map_err(JournalError::Stage)
    }

    /// Whether the message is on disk; `records` is where the stage was when it was first seen to be past it.
    fn look(&self, records: &mut Option<u64>) -> Option<Result<(), JournalError>> {
        let (shared, store) = (&self.shared, self.shared.journal.store());
        if records.is_none() {
            let boundary = *shared.boundary.lock();
            if boundary.ring < self.ring {
                return shared.check().err().map(Err);
            }
            if shared.counts.lost.get() != self.lost_before {
                return Some(Err(store.check().err().unwrap_or(JournalError::Lost)));
            }
            *records = Some(boundary.sequence);
            if store.progress.durable.get() < boundary.sequence {
                store.tell(Task::SyncNow);
            }
        }
        if store.progress.durable.get() >= records.unwrap_or(u64::MAX) {
            return Some(Ok(()));
        }
        store.check().err().map(Err)
    }
}

impl<M: Message, H: Hook<M>> InMemoryMessageBroker<M, H> {
    /// Publishes, and waits until the message is on disk. The receipt says how far it gets from there.
    ///
    /// # Errors
    /// It was not published, and the error has it; or it was, and is not known to be on disk.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future may have published the message.
    pub async fn publish_durable(
        &self,
        envelope: MessageEnvelope<M>,
        stage: &JournalStage<M>,
    ) -> Result<Receipt<M>, PublishDurableError<M>> {
        let receipt = self.publish_tracked(envelope, stage).await?;
        receipt.durable().await.map_err(PublishDurableError::NotDurable)?;
        Ok(receipt)
    }

    /// As [`publish_durable`](Self::publish_durable), waiting as a thread.
    ///
    /// # Errors
    /// As there.
    pub fn publish_durable_blocking(
        &self,
        envelope: MessageEnvelope<M>,
        stage: &JournalStage<M>,
    ) -> Result<Receipt<M>, PublishDurableError<M>> {
        let (envelope, lost_before) = self.check_durable(envelope, stage)?;
        self.publish_blocking(envelope).map_err(PublishDurableError::Broker)?;
        let receipt = self.receipt(stage, lost_before);
        receipt.durable_blocking().map_err(PublishDurableError::NotDurable)?;
        Ok(receipt)
    }

    /// Publishes, and gives a receipt as soon as the broker has the message: to publish more meanwhile, say.
    ///
    /// # Errors
    /// It was not published, and the error has it.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future has published nothing.
    pub async fn publish_tracked(
        &self,
        envelope: MessageEnvelope<M>,
        stage: &JournalStage<M>,
    ) -> Result<Receipt<M>, PublishDurableError<M>> {
        let (envelope, lost_before) = self.check_durable(envelope, stage)?;
        self.publish(envelope).await.map_err(PublishDurableError::Broker)?;
        Ok(self.receipt(stage, lost_before))
    }

    /// Whether the message can become durable.
    fn check_durable(
        &self,
        envelope: MessageEnvelope<M>,
        stage: &JournalStage<M>,
    ) -> Result<(MessageEnvelope<M>, u64), PublishDurableError<M>> {
        let shared = stage.shared();
        if !shared.is_on(self.bus().core()) || !stage.selects(&envelope.metadata) {
            return Err(PublishDurableError::NotSelected(envelope));
        }
        match shared.check() {
            Ok(()) => Ok((envelope, shared.counts.lost.get())),
            Err(source) => Err(PublishDurableError::Journal { envelope, source }),
        }
    }

    /// The receipt of a message that has just been published.
    fn receipt(&self, stage: &JournalStage<M>, lost_before: u64) -> Receipt<M> {
        // Others may have published meanwhile: then it waits for those, too.
        let ring = self.bus().published();
        Receipt { shared: StdArc::clone(stage.shared()), ring, lost_before }
    }
}

impl<M> fmt::Debug for Receipt<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("before", &self.ring).finish_non_exhaustive()
    }
}
