//! History, then live: a subscription that begins in the journal and goes on on the bus, without gap or repeat.
//!
//! The hand-over, with the stage at the *boundary* `(ring, sequence)` (messages before this place of the ring have
//! their records before this sequence of the journal, and the others have not):
//!
//! 1. Read the journal until little is left; publishers notice nothing of it.
//! 2. Subscribe to the bus, behind the stage. The first message is at some place `start` of the ring.
//! 3. Wait until the stage's boundary is at `start` or behind it, and remember it: `(ring, sequence)`.
//! 4. Read the journal up to `sequence`.
//! 5. Go on on the bus, from `ring` on: what is between `start` and `ring` was in the journal.
//!
//! A message before `ring` has its record before `sequence`, so it is in what steps 1 and 4 read; one at `ring` or behind
//! has not, and is in what step 5 reads, which begins at `start`, not after `ring`. From step 2 on the subscription is a
//! cursor of the ring: publishers wait for it if what is left to read in step 4 takes longer than the ring has room.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::broker::Message;
use crate::bus::{RecvError, Subscriber, SubscriberBuilder};
use crate::envelope::MessageEnvelope;
use crate::journal::error::JournalError;
use crate::journal::query::{ReplayQuery, matches};
use crate::journal::replay::{Journalled, Replay};
use crate::journal::shared::{Boundary, Shared};
use crate::journal::stage::JournalStage;
use crate::ring::cursor::Cursor;
use crate::wait::block_on::block_on;
use crate::wait::doorbell::{Key, Sleeper};
use crate::wait::strategy::WaitStrategy;

/// Messages of the history after which a task lets others run.
const COOPERATION: u32 = 256;
/// So often the history is read on before the hand-over, however much has been journalled meanwhile.
const MOST_ROUNDS: u32 = 64;

/// The messages of a journal, and then those of the broker whose stage journals them, without gap or repeat. Made by
/// [`JournalStage::follow`].
///
/// Also a [`Stream`]. (A task reads files while it is in the history.) It is gated behind the stage. A record that cannot
/// be decoded is one error, and it goes on behind it; any other error ends it. It reads the bus itself: the broker's hooks
/// are not told of what it delivers.
#[must_use = "dropping it unsubscribes it"]
pub struct Follow<M> {
    shared: StdArc<Shared<M>>,
    /// Where the stage is; `None` if it has ended with the bus, so that the history is all there is.
    stage: Option<StdArc<Cursor>>,
    name: String,
    query: ReplayQuery,
    /// Names its task at the journal's bell.
    key: Key,
    is_registered: bool,
    /// Messages that it may still give before it lets others run.
    budget: u32,
    phase: Phase<M>,
}

enum Phase<M> {
    /// Reading the journal, for the nth time to its end.
    History(Replay<M>, u32),
    /// Subscribed, and waiting for the stage to come there.
    Meeting(Replay<M>, Subscriber<MessageEnvelope<M>>),
    /// Reading the journal up to the boundary.
    Rest(Replay<M>, Subscriber<MessageEnvelope<M>>),
    Live(Subscriber<MessageEnvelope<M>>),
    Over,
}

type Found<M> = Option<Result<MessageEnvelope<M>, JournalError>>;

impl<M: Message> JournalStage<M> {
    /// The messages of the journal that are wanted, and then those of the broker: history, then live, without gap or
    /// repeat. `until_sequence` and dead letters are of the history alone.
    ///
    /// Where the broker is closed already, the history is all there is.
    ///
    /// # Errors
    /// The journal cannot be read, or the stage has ended before its broker.
    pub fn follow(
        &self,
        name: impl Into<String>,
        query: ReplayQuery,
    ) -> Result<Follow<M>, JournalError> {
        let shared = StdArc::clone(self.shared());
        let replay = shared.journal.replay(query.clone())?;
        let key = shared.journal.store().progress.new_key();
        let stage = match self.cursor() {
            Ok(cursor) => Some(cursor),
            Err(_) if shared.core.ring.sequencer.end().is_some() => None,
            Err(error) => return Err(JournalError::Stage(error)),
        };
        let (name, phase) = (name.into(), Phase::History(replay, 0));
        let budget = COOPERATION;
        Ok(Follow { shared, stage, name, query, key, is_registered: false, budget, phase })
    }
}

impl<M: Message> Follow<M> {
    /// Whether it has come to the live messages.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    /// The next message; waits, as a task, until there is one. `None` when the broker is closed and all is read.
    ///
    /// # Errors
    /// The journal cannot be read.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the future has received nothing.
    pub async fn recv(&mut self) -> Option<Result<MessageEnvelope<M>, JournalError>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next message; waits, as a thread, until there is one. `None` when the broker is closed and all is read.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn recv_blocking(&mut self) -> Option<Result<MessageEnvelope<M>, JournalError>> {
        block_on(self.recv(), &WaitStrategy::default(), None)?
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Found<M>> {
        loop {
            let over = match &mut self.phase {
                Phase::History(replay, _) | Phase::Rest(replay, _) => {
                    if self.budget == 0 {
                        self.budget = COOPERATION;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    if let Some(found) = replay.next() {
                        self.budget -= 1;
                        return Poll::Ready(Some(self.replayed(found)));
                    }
                    Ok(None)
                }
                Phase::Meeting(_, live) => {
                    let start = Subscriber::position(live);
                    ready!(self.poll_meet(start, cx)).map(Some)
                }
                Phase::Live(_) => return self.poll_live(cx),
                Phase::Over => return Poll::Ready(None),
            };
            if let Err(error) = over.and_then(|boundary| self.turn(boundary)) {
                self.phase = Phase::Over;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    /// What the history has given; it is over if that cannot be read.
    fn replayed(
        &mut self,
        found: Result<Journalled<M>, JournalError>,
    ) -> Result<MessageEnvelope<M>, JournalError> {
        if found.as_ref().is_err_and(|error| !matches!(error, JournalError::Decode { .. })) {
            self.phase = Phase::Over;
        }
        found.map(|journalled| journalled.envelope)
    }

    /// Goes on to the next phase.
    fn turn(&mut self, boundary: Option<Boundary>) -> Result<(), JournalError> {
        self.phase = match (std::mem::replace(&mut self.phase, Phase::Over), boundary) {
            (Phase::History(replay, round), _) => self.read_on(replay, round)?,
            (Phase::Meeting(mut replay, mut live), Some(boundary)) => {
                self.shared.journal.extend(&mut replay, boundary.sequence);
                while live.position() < boundary.ring {
                    let count = boundary.ring - live.position();
                    // The stage is past them, so they can be read, unless the subscription has ended.
                    let passed = live.try_read(count as usize).map(drop);
                    passed.map_err(|_| JournalError::Ended)?;
                }
                Phase::Rest(replay, live)
            }
            (Phase::Rest(_, live), _) => Phase::Live(live),
            (phase, _) => phase,
        };
        Ok(())
    }

    /// Reads on where much has been journalled meanwhile; else subscribes.
    fn read_on(&self, mut replay: Replay<M>, round: u32) -> Result<Phase<M>, JournalError> {
        let journal = &self.shared.journal;
        let readable = journal.store().readable();
        let room = self.shared.core.ring.capacity() / 4;
        if readable.saturating_sub(replay.end()) > room && round < MOST_ROUNDS {
            journal.extend(&mut replay, readable);
            return Ok(Phase::History(replay, round + 1));
        }
        let Some(stage) = &self.stage else {
            let is_more = readable > replay.end();
            journal.extend(&mut replay, readable);
            return Ok(if is_more { Phase::History(replay, round) } else { Phase::Over });
        };
        let mut subscription = SubscriberBuilder::new(&self.shared.core).name(&self.name);
        subscription.stay_behind(Ok(StdArc::clone(stage)));
        let live = subscription.try_subscribe().map_err(JournalError::Stage)?;
        Ok(Phase::Meeting(replay, live))
    }

    /// Waits for the boundary to be at `start` or behind it.
    fn poll_meet(
        &mut self,
        start: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Boundary, JournalError>> {
        let shared = StdArc::clone(&self.shared);
        let look = || {
            // First whether there will be more, then how far it is.
            let checked = shared.check();
            let boundary = *shared.boundary.lock();
            if boundary.ring >= start { Some(Ok(boundary)) } else { checked.err().map(Err) }
        };
        if let Some(found) = look() {
            return Poll::Ready(found);
        }
        let bell = &shared.journal.store().progress.bell;
        bell.register(self.key, Sleeper::Task(cx.waker().clone()));
        self.is_registered = true;
        look().map_or(Poll::Pending, Poll::Ready)
    }

    fn poll_live(&mut self, cx: &mut Context<'_>) -> Poll<Found<M>> {
        let Phase::Live(live) = &mut self.phase else { return Poll::Ready(None) };
        let pattern = self.shared.pattern.as_ref();
        loop {
            let received = match ready!(live.poll_look(cx)) {
                Ok(()) => live.take_one(),
                Err(error) => Err(error),
            };
            match received {
                Ok(envelope)
                    if matches(pattern, &envelope.metadata)
                        && self.query.wants(&envelope.metadata) =>
                {
                    return Poll::Ready(Some(Ok(envelope)));
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Evicted(_) | RecvError::Closed) => {
                    self.phase = Phase::Over;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl<M: Message> Stream for Follow<M> {
    type Item = Result<MessageEnvelope<M>, JournalError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<M> Unpin for Follow<M> {}

impl<M> Drop for Follow<M> {
    fn drop(&mut self) {
        if self.is_registered {
            self.shared.cancel(self.key);
        }
    }
}

impl<M> fmt::Debug for Follow<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("name", &self.name).finish_non_exhaustive()
    }
}
