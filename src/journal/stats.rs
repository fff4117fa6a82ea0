//! How a journal is doing, in numbers.

use crate::envelope::Timestamp;
use crate::journal::catalog::Catalog;
use crate::journal::summary::Summary;

/// How a journal is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalStats {
    /// The sequence of the oldest record.
    pub first: u64,
    /// The sequence of the next record.
    pub next: u64,
    /// Records below this sequence are on disk.
    pub durable: u64,
    /// When the oldest record was journalled.
    pub first_at: Option<Timestamp>,
    /// When the newest record was journalled.
    pub last_at: Option<Timestamp>,
    /// How many segment files there are.
    pub segments: usize,
    /// Their length together.
    pub bytes: u64,
    /// How many records count no more.
    pub withdrawn: usize,
    /// Why nothing is journalled any more.
    pub failure: Option<String>,
}

impl JournalStats {
    pub(crate) fn of(catalog: &Catalog, durable: u64, failure: Option<String>) -> Self {
        Self {
            first: catalog.first(),
            next: catalog.last.next,
            durable,
            first_at: catalog.segments().find_map(Summary::first_at),
            last_at: catalog.segments().rev().find_map(|summary| summary.last_at),
            segments: catalog.older.len() + 1,
            bytes: catalog.bytes(),
            withdrawn: catalog.withdrawn.len(),
            failure,
        }
    }
}
