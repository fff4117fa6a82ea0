//! One open journal, whatever its messages are: who writes, how far it is, and what has gone wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::Sender;

use crate::journal::config::{Durability, JournalConfig};
use crate::journal::cursor::Cursor;
use crate::journal::error::JournalError;
use crate::journal::keeper::Task;
use crate::journal::lock::Lock;
use crate::journal::progress::Progress;
use crate::journal::query::Start;
use crate::journal::recovery::{self, Recovery};
use crate::journal::retention;
use crate::journal::segment;
use crate::journal::writer::Writer;
use crate::sync::{AtomicBool, Mutex, Ordering};

pub(crate) struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) config: JournalConfig,
    pub(crate) progress: Progress,
    pub(crate) recovery: Recovery,
    writer: Mutex<Writer>,
    /// Held by who forces records to disk; others wait for it, and then often find theirs there.
    syncing: Mutex<()>,
    /// Why nothing is written any more.
    failure: OnceLock<Arc<JournalError>>,
    /// The keeper knows that something is to be forced to disk.
    told: AtomicBool,
    keeper: Sender<Task>,
    _lock: Lock,
}

impl Store {
    /// Opens a journal, or makes one.
    pub(crate) fn open(
        dir: &Path,
        config: JournalConfig,
        keeper: Sender<Task>,
    ) -> Result<Self, JournalError> {
        config.validate()?;
        fs::create_dir_all(dir).map_err(JournalError::io(dir, "make the directory"))?;
        let lock = Lock::take(dir)?;
        let (catalog, file, recovery) = recovery::recover(dir)?;
        let progress = Progress::new(catalog.last.next);
        let writer = Mutex::new(Writer::new(catalog, file, config.segment_bytes));
        Ok(Self {
            dir: dir.to_owned(),
            config,
            progress,
            recovery,
            writer,
            syncing: Mutex::new(()),
            failure: OnceLock::new(),
            told: AtomicBool::new(false),
            keeper,
            _lock: lock,
        })
    }

    // ===== writing =====

    /// Appends what `fill` pushes, and writes it. Gives what `fill` does, and the sequence behind the last record.
    ///
    /// An error of `fill` is that of one record: what it pushed before is written. Any other is the end.
    pub(crate) fn append<R>(
        &self,
        fill: impl FnOnce(&mut Writer, &Progress) -> Result<R, JournalError>,
    ) -> Result<(R, u64), JournalError> {
        self.check()?;
        let mut writer = self.writer.lock();
        let begun = writer.begin(&self.progress).map_err(|error| self.fail(error))?;
        let filled = fill(&mut writer, &self.progress);
        writer.flush(&self.progress).map_err(|error| self.fail(error))?;
        let next = writer.next();
        drop(writer);
        self.progress.bell.ring();
        if begun {
            self.tell(Task::Retire);
        }
        if let Durability::Interval(_) = self.config.durability
            && !self.told.swap(true, Ordering::AcqRel)
        {
            self.tell(Task::Sync);
        }
        match filled {
            Ok(given) => Ok((given, next)),
            Err(error @ JournalError::Io { .. }) => Err(self.fail(error)),
            Err(error) => Err(error),
        }
    }

    /// Forces the records below `sequence` to disk, if they are not there yet, together with all that have been
    /// written meanwhile.
    pub(crate) fn sync(&self, sequence: u64) -> Result<(), JournalError> {
        if self.progress.durable.get() >= sequence {
            return Ok(());
        }
        let syncing = self.syncing.lock();
        if self.progress.durable.get() >= sequence {
            return Ok(());
        }
        self.check()?;
        let (file, written) = {
            let writer = self.writer.lock();
            (Arc::clone(&writer.file), self.progress.written.get())
        };
        if let Err(error) = file.sync_data() {
            return Err(self.fail(JournalError::io(&self.dir, "force to disk")(error)));
        }
        self.progress.durable.raise(written);
        drop(syncing);
        self.progress.bell.ring();
        Ok(())
    }

    /// Forces to disk what the interval has gathered. For the keeper.
    pub(crate) fn sync_interval(&self) {
        // SYNC POINT: cleared before the look at what was written, so that what comes later tells the keeper again.
        self.told.swap(false, Ordering::AcqRel);
        drop(self.sync(self.progress.written.get()));
    }

    /// How far readers may go: what a gated subscriber may see, too.
    pub(crate) fn readable(&self) -> u64 {
        match self.config.durability {
            Durability::EveryBatch => self.progress.durable.get(),
            Durability::Interval(_) | Durability::Os => self.progress.written.get(),
        }
    }

    // ===== failing =====

    /// Nothing more is written: the first error stays.
    pub(crate) fn fail(&self, error: JournalError) -> JournalError {
        if let JournalError::Failed(_) = error {
            return error;
        }
        tracing::error!(target: "stentor::journal", "the journal has failed: {error}");
        let failure = self.failure.get_or_init(|| Arc::new(error));
        self.progress.bell.ring();
        JournalError::Failed(Arc::clone(failure))
    }

    pub(crate) fn failure(&self) -> Option<&Arc<JournalError>> {
        self.failure.get()
    }

    /// An error if it has failed.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        self.failure().map_or(Ok(()), |failure| Err(JournalError::Failed(Arc::clone(failure))))
    }

    // ===== reading =====

    /// A cursor at the first record that `from` means, or before it.
    pub(crate) fn read(&self, from: Start) -> Result<Cursor, JournalError> {
        let (segment, place) = from.find(&self.writer.lock().catalog)?;
        Cursor::open(&self.dir, segment, place)
    }

    /// What `look` sees in the writer.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Writer) -> R) -> R {
        look(&self.writer.lock())
    }

    // ===== keeping house =====

    pub(crate) fn tell(&self, task: Task) {
        // Without a keeper the journal is being closed.
        drop(self.keeper.send(task));
    }

    /// Deletes what is not to be kept; how many segments that was.
    pub(crate) fn retire(&self) -> usize {
        let doomed = {
            let mut writer = self.writer.lock();
            let doomed = retention::doomed(&writer.catalog, &self.config.retention);
            writer.catalog.older.drain(..doomed).collect::<Vec<_>>()
        };
        for summary in &doomed {
            if let Err(error) = retention::delete(&segment::path(&self.dir, summary.first)) {
                tracing::error!(target: "stentor::journal", "{error}");
            }
        }
        doomed.len()
    }
}
