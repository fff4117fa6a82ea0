//! The subscriber of a broker's bus that journals what it reads.

use std::fmt;
use std::sync::Arc as StdArc;
use std::thread::{Builder, JoinHandle};

use crate::broker::Message;
use crate::bus::core::Member;
use crate::bus::upstream::follow::{Follow, On, Place};
use crate::bus::{Bus, SubscribeError, Upstream};
use crate::envelope::{InvalidTopic, MessageEnvelope, MessageMetadata, TopicPattern};
use crate::journal::error::JournalError;
use crate::journal::journal::Journal;
use crate::journal::query::matches;
use crate::journal::recorder::Recorder;
use crate::journal::shared::Shared;
use crate::ring::cursor::Cursor;

/// Puts a stage that journals messages on the bus of a broker: see [`Journal::stage`].
#[must_use = "a builder does nothing until `start`"]
pub struct StageBuilder<'a, M> {
    journal: Journal<M>,
    bus: &'a Bus<MessageEnvelope<M>>,
    name: String,
    pattern: Option<TopicPattern>,
    after: Vec<&'a dyn Upstream<MessageEnvelope<M>>>,
}

impl<'a, M: Message> StageBuilder<'a, M> {
    pub(crate) fn new(journal: Journal<M>, bus: &'a Bus<MessageEnvelope<M>>) -> Self {
        Self { journal, bus, name: "journal".into(), pattern: None, after: Vec::new() }
    }

    /// What `stats` and metrics call it. `journal` unless said.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Journals only messages whose topic is of this [`TopicPattern`]. The others pass.
    ///
    /// # Errors
    /// The text is no pattern.
    pub fn topic(mut self, pattern: &str) -> Result<Self, InvalidTopic> {
        self.pattern = Some(TopicPattern::new(pattern)?);
        Ok(self)
    }

    /// It journals a message only once all of these are past it.
    pub fn after(mut self, others: &[&'a dyn Upstream<MessageEnvelope<M>>]) -> Self {
        self.after.extend_from_slice(others);
        self
    }

    /// Starts the stage, on a thread of its own: every message published from now on. It ends when the broker is
    /// closed and all is journalled, or when the handle is dropped.
    ///
    /// # Errors
    /// The journal has failed; `after` was given something of another broker, or that has ended; the thread cannot be
    /// started.
    pub fn start(self) -> Result<JournalStage<M>, JournalError> {
        let Self { journal, bus, name, pattern, after } = self;
        journal.store().check()?;
        let subscription = bus.subscriber().name(&name).after(&after).try_subscribe();
        let subscriber = subscription.map_err(JournalError::Stage)?;
        let shared = StdArc::new(Shared::new(&journal, &subscriber, pattern));
        let member = StdArc::clone(subscriber.member());
        let path = journal.path().to_owned();
        let recorder = Recorder::new(subscriber, StdArc::clone(&shared));
        let thread = Builder::new().name(format!("stentor-{name}"));
        let thread = thread.spawn(move || recorder.run());
        let thread = thread.map_err(JournalError::io(&path, "start a thread for"))?;
        Ok(JournalStage { shared, member, thread: Some(thread) })
    }
}

/// A stage that journals messages. Whoever subscribes [`after`](crate::SubscribeOptions::after) it sees a message only
/// once it is in the journal; with [`Durability::EveryBatch`](crate::Durability::EveryBatch), once it is on disk.
///
/// Dropping it ends the stage after the batch it is in; what is behind it then waits for it no longer.
#[must_use = "dropping a stage ends it"]
pub struct JournalStage<M> {
    shared: StdArc<Shared<M>>,
    member: StdArc<Member>,
    thread: Option<JoinHandle<()>>,
}

impl<M: Message> JournalStage<M> {
    pub(crate) fn shared(&self) -> &StdArc<Shared<M>> {
        &self.shared
    }

    /// Its cursor, for one that comes after it.
    pub(crate) fn cursor(&self) -> Result<StdArc<Cursor>, SubscribeError> {
        self.member.follow()
    }

    /// Whether it journals messages of these metadata.
    pub fn selects(&self, metadata: &MessageMetadata) -> bool {
        matches(self.shared.pattern.as_ref(), metadata)
    }

    /// The journal.
    pub fn journal(&self) -> &Journal<M> {
        &self.shared.journal
    }

    /// How it is doing.
    pub fn stats(&self) -> StageStats {
        let counts = &self.shared.counts;
        StageStats {
            journalled: counts.journalled.get(),
            passed: counts.passed.get(),
            lost: counts.lost.get(),
            batches: counts.batches.get(),
            failure: self.shared.failure().map(|failure| failure.to_string()),
        }
    }

    /// Waits until it has ended: the broker is closed, and all that was accepted is in the journal.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            // One that has panicked has said so.
            drop(thread.join());
        }
    }
}

/// How a stage is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageStats {
    /// Messages that are in the journal.
    pub journalled: u64,
    /// Messages that its pattern does not select.
    pub passed: u64,
    /// Messages that went on without being journalled, because the journal failed.
    pub lost: u64,
    /// In how many batches.
    pub batches: u64,
    /// Why nothing is journalled any more.
    pub failure: Option<String>,
}

impl<M: Message> Upstream<MessageEnvelope<M>> for JournalStage<M> {}

impl<M: Message> Follow<MessageEnvelope<M>> for JournalStage<M> {
    fn place(&self, on: On<'_, MessageEnvelope<M>>) -> Place {
        if self.shared.is_on(on.0) {
            Place(self.member.follow())
        } else {
            let name = self.member.name.clone();
            Place(Err(SubscribeError::AfterOtherBus { name }))
        }
    }
}

impl<M> Drop for JournalStage<M> {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // One that has panicked has said so.
            drop(thread.join());
        }
    }
}

impl<M> fmt::Debug for JournalStage<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalStage").field("name", &self.member.name).finish_non_exhaustive()
    }
}

impl<M> fmt::Debug for StageBuilder<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
