//! What is deleted, and when.

use std::fs;
use std::io;
use std::path::Path;

use crate::envelope::Timestamp;
use crate::journal::catalog::Catalog;
use crate::journal::config::Retention;
use crate::journal::error::JournalError;
use crate::journal::summary::Summary;

/// How many of the oldest segments are not to be kept. The last one always is.
pub(crate) fn doomed(catalog: &Catalog, retention: &Retention) -> usize {
    let (mut bytes, now) = (catalog.bytes(), Timestamp::now());
    let is_doomed = |summary: &Summary, bytes: u64| {
        let too_many_bytes = retention.bytes.is_some_and(|most| bytes > most);
        let behind = catalog.last.next - summary.next;
        let too_many_records = retention.records.is_some_and(|most| behind >= most);
        let too_old = retention
            .age
            .is_some_and(|most| summary.last_at.is_none_or(|last| now.since(last) > most));
        too_many_bytes || too_many_records || too_old
    };
    let doomed = catalog.older.iter().take_while(|summary| {
        let is_doomed = is_doomed(summary, bytes);
        bytes -= summary.bytes;
        is_doomed
    });
    doomed.count()
}

/// Deletes a segment and its index.
pub(crate) fn delete(segment: &Path) -> Result<(), JournalError> {
    delete_index(segment)?;
    remove(segment)
}

/// Deletes the index of a segment.
pub(crate) fn delete_index(segment: &Path) -> Result<(), JournalError> {
    remove(&Summary::path(segment))
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::io(path, "delete")(error))
        }
        _ => Ok(()),
    }
}
