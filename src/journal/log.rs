//! A journal as the log of the hook [`Persist`](crate::Persist).

use std::collections::VecDeque;

use crate::envelope::{MessageEnvelope, MessageId};
use crate::hook::MessageLog;
use crate::journal::error::JournalError;
use crate::journal::journal::Journal;
use crate::sync::Mutex;

/// The messages that were appended last, so that one that is not published after all can be found.
#[derive(Default)]
pub(crate) struct Recent {
    /// Oldest first.
    appended: Mutex<VecDeque<(MessageId, u64)>>,
}

impl Recent {
    /// How many can be found.
    const MOST: usize = 1 << 16;

    pub(crate) fn add(&self, id: MessageId, sequence: u64) {
        let mut appended = self.appended.lock();
        if appended.len() == Self::MOST {
            appended.pop_front();
        }
        appended.push_back((id, sequence));
    }

    /// Takes the last of this id.
    fn take(&self, id: MessageId) -> Option<u64> {
        let mut appended = self.appended.lock();
        // From the end: it was appended a moment ago.
        let place = appended.iter().rposition(|(known, _)| *known == id)?;
        appended.remove(place).map(|(_, sequence)| sequence)
    }
}

/// For the hook [`Persist`](crate::Persist): what is published was appended before.
impl<M: Send + Sync + 'static> MessageLog<M> for Journal<M> {
    type Error = JournalError;

    fn append(&self, envelope: &MessageEnvelope<M>) -> Result<(), JournalError> {
        self.append(envelope).map(drop)
    }

    fn withdraw(&self, id: MessageId) {
        let withdrawn = match self.recent().take(id) {
            Some(sequence) => self.withdraw(sequence).map_err(|error| error.to_string()),
            None => Err(format!("{} messages have been appended since", Recent::MOST)),
        };
        if let Err(error) = withdrawn {
            tracing::error!(target: "stentor::journal", %id, "not withdrawn: {error}");
        }
    }
}
