//! The handle of an open journal.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::broker::{DeadLetter, InMemoryMessageBroker, Message};
use crate::codec::{Codec, CodecError, Postcard, encode_frame};
use crate::envelope::MessageEnvelope;
use crate::hook::Hook;
use crate::journal::config::{Durability, JournalConfig};
use crate::journal::error::JournalError;
use crate::journal::keeper::{self, Task};
use crate::journal::letters::encode_letter;
use crate::journal::log::Recent;
use crate::journal::query::ReplayQuery;
use crate::journal::record::Kind;
use crate::journal::recovery::Recovery;
use crate::journal::replay::Replay;
use crate::journal::scan::Scan;
use crate::journal::stage::StageBuilder;
use crate::journal::stats::JournalStats;
use crate::journal::store::Store;
use crate::journal::writer::Writer;

/// Messages on disk, in order, to be replayed: a directory of segment files.
///
/// Each record has a sequence, one more than the one before, and a checksum. When it is opened, what a crash has torn at
/// its end is cut off; anything else that is not as it was written is an error. One `Journal` has a directory at a
/// time, in all processes; any number of [`JournalReader`](crate::JournalReader)s may read meanwhile. A handle is
/// cheap to clone; when the last is dropped, what is written is forced to disk.
///
/// Messages get there by a [`stage`](Self::stage) on a broker's bus, by the hook [`Persist`](crate::Persist), or by
/// [`append`](Self::append).
///
/// ```
/// use stentor::{InMemoryMessageBroker, Journal, JournalConfig, MessageEnvelope, ReplayQuery};
///
/// # let directory = std::env::temp_dir().join(format!("stentor-doc-journal-{}", std::process::id()));
/// let broker = InMemoryMessageBroker::<String>::builder().build();
/// let journal = Journal::open(&directory, JournalConfig::default())?;
/// let stage = journal.stage(&broker).start()?;
/// broker.publish_durable_blocking(MessageEnvelope::new("kept".to_owned()), &stage).unwrap();
///
/// let replayed = journal.replay(ReplayQuery::new())?.next().unwrap()?;
/// assert_eq!(replayed.envelope.message, "kept");
/// # drop((stage, journal));
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # Ok::<(), stentor::JournalError>(())
/// ```
pub struct Journal<M> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    store: Arc<Store>,
    codec: Arc<dyn Codec<M>>,
    /// What `append` has appended last, for withdrawals.
    recent: Recent,
    tasks: Sender<Task>,
    keeper: Option<JoinHandle<()>>,
}

impl<M: Serialize + DeserializeOwned + 'static> Journal<M> {
    /// Opens the journal in this directory, or makes one there, for messages in the codec [`Postcard`].
    ///
    /// # Errors
    /// Something is in the way: each error names the path, and what to do.
    pub fn open(path: impl AsRef<Path>, config: JournalConfig) -> Result<Self, JournalError> {
        Self::open_with(path, config, Postcard)
    }
}

impl<M: 'static> Journal<M> {
    /// The same with another codec.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        path: impl AsRef<Path>,
        config: JournalConfig,
        codec: impl Codec<M>,
    ) -> Result<Self, JournalError> {
        let (tasks, received) = crossbeam_channel::unbounded();
        let store = Arc::new(Store::open(path.as_ref(), config, tasks.clone())?);
        let keeper = Some(keeper::start(&store, received)?);
        let (codec, recent) = (Arc::new(codec), Recent::default());
        Ok(Self { inner: Arc::new(Inner { store, codec, recent, tasks, keeper }) })
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    pub(crate) fn recent(&self) -> &Recent {
        &self.inner.recent
    }

    pub(crate) fn codec(&self) -> &Arc<dyn Codec<M>> {
        &self.inner.codec
    }

    // ===== writing =====

    /// Journals what goes over a broker from now on: see [`StageBuilder`].
    pub fn stage<'a, H: Hook<M>>(
        &self,
        broker: &'a InMemoryMessageBroker<M, H>,
    ) -> StageBuilder<'a, M>
    where
        M: Message,
    {
        StageBuilder::new(self.clone(), broker.bus())
    }

    /// Appends a message, and gives its sequence. With [`Durability::EveryBatch`] it is on disk then; appenders
    /// that wait at the same time share the way there.
    ///
    /// # Errors
    /// It is not in the journal.
    pub fn append(&self, envelope: &MessageEnvelope<M>) -> Result<u64, JournalError> {
        let Inner { store, codec, recent, .. } = &*self.inner;
        let sequence = self.add(Kind::Message, |bytes| encode_frame(envelope, &**codec, bytes))?;
        recent.add(envelope.metadata.message_id, sequence);
        if store.config.durability == Durability::EveryBatch {
            store.sync(sequence + 1)?;
        }
        Ok(sequence)
    }

    /// Appends a dead letter, with its reason. It is replayed only where a query asks for dead letters.
    ///
    /// # Errors
    /// It is not in the journal.
    pub fn append_dead_letter(&self, letter: &DeadLetter<M>) -> Result<u64, JournalError> {
        let Inner { store, codec, .. } = &*self.inner;
        let write = |bytes: &mut Vec<u8>| encode_letter(letter, &**codec, bytes);
        let sequence = self.add(Kind::DeadLetter, write)?;
        if store.config.durability == Durability::EveryBatch {
            store.sync(sequence + 1)?;
        }
        Ok(sequence)
    }

    /// Says that the record of this sequence counts no more: it is not replayed from now on. A dead letter that has
    /// been published again, say.
    ///
    /// # Errors
    /// That could not be written.
    pub fn withdraw(&self, sequence: u64) -> Result<(), JournalError> {
        let end = self.add(Kind::Withdrawal, |bytes| {
            bytes.extend(sequence.to_le_bytes());
            Ok(())
        })?;
        match self.inner.store.config.durability {
            Durability::EveryBatch => self.inner.store.sync(end + 1),
            Durability::Interval(_) | Durability::Os => Ok(()),
        }
    }

    fn add(
        &self,
        kind: Kind,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<u64, JournalError> {
        let fill = |writer: &mut Writer, progress: &_| writer.push(kind, progress, write);
        Ok(self.inner.store.append(fill)?.0)
    }

    /// Forces everything that is written to disk.
    ///
    /// # Errors
    /// It may not be there.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.inner.store.sync(self.inner.store.progress.written.get())
    }

    /// Deletes now what is not to be kept. (It is done whenever a segment is full, off the way of those who append.)
    /// Gives how many segments that were.
    pub fn compact(&self) -> usize {
        self.inner.store.retire()
    }

    // ===== reading =====

    /// The messages that are wanted, up to what is there now.
    ///
    /// # Errors
    /// There is nothing of where it should begin any more, or it cannot be read.
    pub fn replay(&self, query: ReplayQuery) -> Result<Replay<M>, JournalError> {
        let store = &self.inner.store;
        let limit = store.readable();
        let cursor = store.read(query.start)?;
        let withdrawn = store.look(|writer| Arc::clone(&writer.catalog.withdrawn));
        Ok(Replay::new(Scan::new(cursor, query, withdrawn), Arc::clone(&self.inner.codec), limit))
    }

    /// Has a replay go on up to a later sequence, and pass over what has been withdrawn meanwhile.
    pub(crate) fn extend(&self, replay: &mut Replay<M>, limit: u64) {
        let store = &self.inner.store;
        replay.extend(limit, store.look(|writer| Arc::clone(&writer.catalog.withdrawn)));
    }

    /// What was found when it was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.inner.store.recovery
    }

    /// How it is doing.
    pub fn stats(&self) -> JournalStats {
        let store = &self.inner.store;
        let failure = store.failure().map(|failure| failure.to_string());
        store
            .look(|writer| JournalStats::of(&writer.catalog, store.progress.durable.get(), failure))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.store.dir
    }
}

impl<M> Clone for Journal<M> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<M> Drop for Inner<M> {
    fn drop(&mut self) {
        drop(self.tasks.send(Task::Close));
        if let Some(keeper) = self.keeper.take() {
            // One that has panicked has said so.
            drop(keeper.join());
        }
    }
}

impl<M> fmt::Debug for Journal<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.inner.store.dir).finish_non_exhaustive()
    }
}
