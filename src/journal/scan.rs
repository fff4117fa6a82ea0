//! Looks for wanted records.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::codec::WireError;
use crate::codec::frame::Frame;
use crate::envelope::{InvalidTopic, Topic};
use crate::journal::cursor::Cursor;
use crate::journal::error::JournalError;
use crate::journal::query::ReplayQuery;
use crate::journal::record::{Header, Kind};

/// A record taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) header: Header,
    /// Where in its file it begins.
    pub(crate) offset: u64,
    /// Why it is a dead letter, if it is one.
    pub(crate) reason: Option<&'a str>,
    pub(crate) frame: Frame<'a>,
}

/// A cursor that passes over what is not wanted.
pub(crate) struct Scan {
    pub(crate) cursor: Cursor,
    query: ReplayQuery,
    pub(crate) withdrawn: Arc<HashSet<u64>>,
    topics: Topics,
}

impl Scan {
    pub(crate) fn new(cursor: Cursor, query: ReplayQuery, withdrawn: Arc<HashSet<u64>>) -> Self {
        Self { cursor, query, withdrawn, topics: Topics::default() }
    }

    /// What `make` makes of the next wanted record below `limit`; `None` if there is none as yet.
    #[inline]
    pub(crate) fn find<R>(
        &mut self,
        limit: u64,
        make: impl FnOnce(Parts<'_>) -> Result<R, JournalError>,
    ) -> Result<Option<R>, JournalError> {
        let limit = self.query.until.map_or(limit, |until| limit.min(until));
        while self.cursor.position() < limit {
            let Some((header, body)) = self.cursor.advance()? else { return Ok(None) };
            if !self.is_wanted(&header) {
                continue;
            }
            let offset = self.cursor.offset() - header.size as u64;
            let sequence = header.sequence;
            let unreadable = |source| JournalError::Decode { sequence, source };
            let (reason, frame) = split(header.kind, self.cursor.body(body)).map_err(unreadable)?;
            let frame = Frame::read(frame, |text| self.topics.find(text)).map_err(unreadable)?;
            if self.query.wants(&frame.metadata) {
                return make(Parts { header, offset, reason, frame }).map(Some);
            }
        }
        Ok(None)
    }

    /// What is behind the last record that was found, if that is not the end.
    pub(crate) fn flaw(&self) -> Option<&str> {
        self.cursor.flaw()
    }

    fn is_wanted(&self, header: &Header) -> bool {
        self.query.wants_kind(header.kind)
            && self.query.start.has_come(header.sequence, header.at)
            && (self.withdrawn.is_empty() || !self.withdrawn.contains(&header.sequence))
    }
}

/// The reason of a dead letter, and the frame.
#[inline]
fn split(kind: Kind, body: &[u8]) -> Result<(Option<&str>, &[u8]), WireError> {
    if kind != Kind::DeadLetter {
        return Ok((None, body));
    }
    let short = |needed, found| WireError::Truncated { field: "reason", needed, found };
    let Some((length, rest)) = body.split_first_chunk::<2>() else {
        return Err(short(2, body.len()));
    };
    let length = usize::from(u16::from_le_bytes(*length));
    let (reason, frame) = rest.split_at_checked(length).ok_or_else(|| short(length, rest.len()))?;
    let reason = std::str::from_utf8(reason).map_err(|_| WireError::Value {
        field: "reason",
        found: String::from_utf8_lossy(reason).into_owned(),
        expected: "UTF-8",
    })?;
    Ok((Some(reason), frame))
}

/// The topics that came last, so that not every message makes its own.
#[derive(Default)]
struct Topics {
    known: Vec<Option<Topic>>,
    hasher: foldhash::fast::FixedState,
}

impl Topics {
    const PLACES: usize = 256;

    #[inline]
    fn find(&mut self, text: &str) -> Result<Topic, InvalidTopic> {
        let place = self.hasher.hash_one(text) as usize % Self::PLACES;
        if self.known.is_empty() {
            self.known.resize(Self::PLACES, None);
        }
        match &self.known[place] {
            Some(topic) if topic.as_str() == text => Ok(topic.clone()),
            _ => {
                let topic = Topic::new(text)?;
                self.known[place] = Some(topic.clone());
                Ok(topic)
            }
        }
    }
}
