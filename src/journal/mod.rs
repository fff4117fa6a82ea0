//! Floor 7: messages on disk. Knows brokers and their bus, codecs and files, and nothing of actors and networks.
//!
//! From below: `record` (one record as bytes), `segment` (a file of them), `summary` and `catalog` (where which is),
//! `cursor` (reads), `writer` and `recovery`, `store` (one open journal, whatever its messages are), and above that the
//! handles: [`Journal`], the stage, replays, receipts.

mod catalog;
mod config;
mod cursor;
mod error;
mod follow;
#[expect(clippy::module_inception, reason = "the journal is what this floor is named after")]
mod journal;
mod keeper;
mod letters;
mod lock;
mod log;
mod mend;
mod progress;
mod publish;
mod publish_error;
mod query;
mod reader;
mod record;
mod recorder;
mod recovery;
mod replay;
mod retention;
mod scan;
mod segment;
mod shared;
mod stage;
mod stats;
mod store;
mod summary;
mod waiting;
mod writer;

pub use self::config::{Durability, JournalConfig, OnFailure, Retention};
pub use self::error::JournalError;
pub use self::follow::Follow;
pub use self::journal::Journal;
pub use self::letters::{DeadLetterStage, RequeueError};
pub use self::mend::{CutOff, Verification, cut_journal, verify_journal};
pub use self::publish::{MessageState, Receipt};
pub use self::publish_error::PublishDurableError;
pub use self::query::ReplayQuery;
pub use self::reader::{JournalReader, JournalRecord, Records, SegmentInfo};
pub use self::recovery::Recovery;
pub use self::replay::{Journalled, Replay, ReplayError};
pub use self::stage::{JournalStage, StageBuilder, StageStats};
pub use self::stats::JournalStats;
