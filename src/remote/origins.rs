//! Which replies a broker listens for: those to correlation ids of certain origins (their first half), each as long
//! as a request of it waits. Those of late are kept, for the next request will be of one of them: the own origin of
//! the process, or that of a broker whose requests a bridge sends on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use crate::envelope::CorrelationId;

/// Listens to the replies of one origin until it is dropped.
pub struct Listening(pub(crate) JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) type Entry = OnceCell<Listening>;

/// How many are kept.
const KEPT: usize = 16;

#[derive(Default)]
pub(crate) struct Origins {
    entries: Mutex<HashMap<u64, Weak<Entry>>>,
    /// Those that have asked of late.
    kept: Mutex<VecDeque<Arc<Entry>>>,
}

impl Origins {
    /// Listens to the origin of `id` at least until the result is dropped.
    pub(crate) async fn hold<E, F>(
        &self,
        id: CorrelationId,
        listen: impl FnOnce(u64) -> F,
    ) -> Result<Arc<Entry>, E>
    where
        F: Future<Output = Result<Listening, E>>,
    {
        let origin = origin(id);
        let entry = self.entry(origin);
        if entry.get().is_none() {
            entry.get_or_try_init(|| listen(origin)).await?;
        }
        Ok(entry)
    }

    fn entry(&self, of: u64) -> Arc<Entry> {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(&of).and_then(Weak::upgrade) {
            return entry;
        }
        entries.retain(|_, entry| entry.strong_count() > 0);
        let entry = Arc::new(Entry::new());
        entries.insert(of, Arc::downgrade(&entry));
        let mut kept = self.kept.lock();
        kept.push_back(Arc::clone(&entry));
        let oldest = if kept.len() > KEPT { kept.pop_front() } else { None };
        drop((kept, entries, oldest));
        entry
    }

    /// Listens no more, except for those that are held.
    pub(crate) fn clear(&self) {
        self.kept.lock().clear();
    }
}

/// The first half of a correlation id.
pub(crate) fn origin(id: CorrelationId) -> u64 {
    (id.to_u128() >> 64) as u64
}
