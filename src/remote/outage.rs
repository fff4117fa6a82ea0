//! What is published in an outage and kept until that is over: bounded, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::broker::DeadLetterReason;
use crate::envelope::MessageEnvelope;
use crate::remote::backend::Backend;
use crate::remote::config::Outage;
use crate::remote::error::RemoteError;
use crate::sync::counter::Counter;

/// How many messages are on their way at a time once there is a connection again.
const PIPELINE: usize = 64;

/// What is kept. Messages leave it only when it is known what became of them.
pub(crate) struct Buffer<M> {
    /// How many messages and bytes, if any.
    limit: Option<(usize, usize)>,
    queue: Mutex<Queue<M>>,
    /// Something is kept, or was and is about to be a dead letter.
    is_used: watch::Sender<bool>,
    /// How many messages were given up at the end.
    pub(crate) given_up: Counter,
}

struct Queue<M> {
    entries: VecDeque<Entry<M>>,
    bytes: usize,
}

struct Entry<M> {
    envelope: Arc<MessageEnvelope<M>>,
    size: usize,
}

/// Whether a message was taken.
pub(crate) enum Taken {
    /// It is the first, so somebody has to see to it that they are sent.
    First,
    More,
}

impl<M> Buffer<M> {
    pub(crate) fn new(outage: Outage) -> Self {
        let limit = match outage {
            Outage::Buffer { messages, bytes } => Some((messages, bytes)),
            Outage::Fail | Outage::Wait(_) => None,
        };
        let queue = Mutex::new(Queue { entries: VecDeque::new(), bytes: 0 });
        Self { limit, queue, is_used: watch::Sender::new(false), given_up: Counter::default() }
    }

    /// How many messages are kept, and how many bytes they have.
    pub(crate) fn size(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.entries.len(), queue.bytes)
    }

    pub(crate) fn is_used(&self) -> bool {
        *self.is_used.borrow()
    }

    /// Waits until nothing is kept.
    pub(crate) async fn emptied(&self) {
        // The sender is here, so it cannot fail.
        let _ = self.is_used.subscribe().wait_for(|is_used| !is_used).await;
    }

    /// Takes a message if there is room.
    pub(crate) fn take(
        &self,
        envelope: MessageEnvelope<M>,
        size: usize,
    ) -> Result<Taken, (MessageEnvelope<M>, RemoteError)> {
        let mut queue = self.queue.lock();
        let (messages, bytes) = (queue.entries.len(), queue.bytes);
        let (most_messages, most_bytes) = self.limit.unwrap_or((0, 0));
        if messages >= most_messages || size > most_bytes.saturating_sub(bytes) {
            return Err((envelope, RemoteError::BufferFull { messages, bytes, size }));
        }
        queue.entries.push_back(Entry { envelope: Arc::new(envelope), size });
        queue.bytes += size;
        // Under the lock, as `finish` does it.
        let was_used = self.is_used.send_replace(true);
        Ok(if was_used { Taken::More } else { Taken::First })
    }

    /// The oldest.
    fn front(&self) -> Vec<Arc<MessageEnvelope<M>>> {
        let queue = self.queue.lock();
        queue.entries.iter().take(PIPELINE).map(|entry| Arc::clone(&entry.envelope)).collect()
    }

    /// Takes the oldest `count` out, and puts those back of which `keep` (the place) says so.
    fn settle(&self, count: usize, keep: impl Fn(usize) -> bool) {
        let mut queue = self.queue.lock();
        let settled: Vec<_> = queue.entries.drain(..count).enumerate().collect();
        for (place, entry) in settled.into_iter().rev() {
            if keep(place) {
                queue.entries.push_front(entry);
            } else {
                queue.bytes -= entry.size;
            }
        }
    }

    /// If nothing is kept: it is not used any more.
    fn finish(&self) -> bool {
        let queue = self.queue.lock();
        let is_empty = queue.entries.is_empty();
        if is_empty {
            self.is_used.send_replace(false);
        }
        is_empty
    }

    /// Takes out all that is kept.
    fn clear(&self) -> Vec<Arc<MessageEnvelope<M>>> {
        let mut queue = self.queue.lock();
        queue.bytes = 0;
        queue.entries.drain(..).map(|entry| entry.envelope).collect()
    }
}

/// Sends what is kept when there is a connection, until nothing is. If the broker is closed meanwhile and it takes
/// too long, the rest are dead letters.
pub(crate) async fn send_kept<B: Backend>(backend: Arc<B>) {
    let core = backend.core();
    let _feeding = core.feeding();
    let patience = async {
        core.link.closed().await;
        tokio::time::sleep(core.config.drain).await;
    };
    let sending = async {
        let mut failed = 0;
        while !core.buffer.finish() {
            core.link.up().await;
            if send_front(&*backend).await {
                failed = 0;
            } else {
                failed += 1;
                tokio::time::sleep(core.config.backoff.jittered(failed)).await;
            }
        }
    };
    tokio::select! {
        biased;
        () = sending => {}
        () = patience => {
            while !core.buffer.finish() {
                for envelope in core.buffer.clear() {
                    core.buffer.given_up.add(1);
                    let envelope = Arc::unwrap_or_clone(envelope);
                    core.services.dead_letter(envelope, DeadLetterReason::Unsent);
                }
            }
        }
    }
}

/// What becomes of a message that was kept.
#[derive(PartialEq, Eq)]
enum Fate {
    Sent,
    /// It is sent again.
    Kept,
    Dead(DeadLetterReason),
}

/// Sends the oldest; whether all of them have left.
async fn send_front<B: Backend>(backend: &B) -> bool {
    let core = backend.core();
    bury_expired(backend);
    let envelopes = core.buffer.front();
    let sent = backend.send_all(&envelopes).await;
    let fates: Vec<_> = sent.into_iter().map(|sent| fate(sent, backend.keeps())).collect();
    settle(backend, envelopes, fates)
}

fn bury_expired<B: Backend>(backend: &B) {
    let envelopes = backend.core().buffer.front();
    let fates = envelopes.iter().map(|envelope| match envelope.metadata.is_expired() {
        true => Fate::Dead(DeadLetterReason::Expired),
        false => Fate::Kept,
    });
    let fates = fates.collect();
    settle(backend, envelopes, fates);
}

/// Has the oldest leave that do not stay; whether none stays.
fn settle<B: Backend>(
    backend: &B,
    envelopes: Vec<Arc<MessageEnvelope<B::Message>>>,
    fates: Vec<Fate>,
) -> bool {
    let core = backend.core();
    core.buffer.settle(fates.len(), |place| fates[place] == Fate::Kept);
    let have_left = !fates.contains(&Fate::Kept);
    for (envelope, fate) in envelopes.into_iter().zip(fates) {
        if let Fate::Dead(reason) = fate {
            core.services.dead_letter(Arc::unwrap_or_clone(envelope), reason);
        }
    }
    have_left
}

fn fate(sent: Result<(), RemoteError>, may_repeat: bool) -> Fate {
    match sent {
        Ok(()) => Fate::Sent,
        Err(RemoteError::Disconnected { .. }) => Fate::Kept,
        // What the server writes down may come twice; all else comes at most once.
        Err(RemoteError::Unconfirmed(_)) if may_repeat => Fate::Kept,
        Err(error) => {
            tracing::warn!(target: "stentor::remote", "kept in an outage, and not sent: {error}");
            Fate::Dead(DeadLetterReason::Unsent)
        }
    }
}
