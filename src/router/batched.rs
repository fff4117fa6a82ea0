//! A subscription, and the user's code for batches of its messages.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;

use crate::bus::{Batch, Subscriber};
use crate::router::meter::Lap;
use crate::router::record::Record;
use crate::router::report::Fate;
use crate::router::select::Select;
use crate::router::work::{Payload, Turn, Unread, Work, discard};

/// A handler that is called with batches.
pub(crate) struct Batched<T, S, F> {
    pub(crate) subscriber: Subscriber<T>,
    pub(crate) select: S,
    pub(crate) handler: F,
    pub(crate) record: StdArc<Record>,
    /// The handler consumed nothing of what there was up to here.
    pub(crate) refused: u64,
}

impl<T, S, F> Batched<T, S, F>
where
    T: Send + Sync + 'static,
    S: Select<T, Item = T>,
    F: FnMut(Batch<'_, T>) + Send + 'static,
{
    /// Whether there is something to call the handler with; more than before, if it refused that.
    fn look(&mut self) -> Result<(), Turn> {
        if self.refused <= self.subscriber.position() {
            return Ok(self.subscriber.peek()?);
        }
        self.subscriber.refresh()?;
        if self.subscriber.known_available() > self.refused {
            return Ok(());
        }
        let is_last = self.subscriber.core.ring.sequencer.end() == Some(self.refused);
        Err(if is_last { Turn::Over(Fate::Closed) } else { Turn::Refused })
    }

    /// How many messages of a batch come before the first that is wanted, or is not. A filter that panics
    /// has begun with one more.
    fn run(select: &S, batch: &Batch<'_, T>, wanted: bool) -> (usize, Result<(), Payload>) {
        if S::EVERYTHING {
            return (if wanted { batch.len() } else { 0 }, Ok(()));
        }
        let mut run = 0;
        let looked = catch_unwind(AssertUnwindSafe(|| {
            for message in batch {
                if select.select(message).is_some() != wanted {
                    break;
                }
                run += 1;
            }
        }));
        (run, looked)
    }

    /// Passes over the messages at the front that are not wanted; gives their number. The message in which the
    /// filter panics counts as read.
    fn pass(&mut self, most: usize) -> Result<usize, Turn> {
        if S::EVERYTHING {
            return Ok(0);
        }
        let mut batch = self.subscriber.try_read(most)?;
        let (run, looked) = Self::run(&self.select, &batch, false);
        batch.consume(run + usize::from(looked.is_err()));
        drop(batch);
        if run > 0 || looked.is_err() {
            self.record.count(0, run as u64);
        }
        looked.map(|()| run).map_err(Turn::Panicked)
    }

    /// Calls the handler with the wanted messages that are next; gives how many of them it has consumed.
    fn call(&mut self, most: usize) -> Result<usize, Turn> {
        let mut batch = self.subscriber.try_read(most)?;
        let (wanted, looked) = Self::run(&self.select, &batch, true);
        // Found again at the front, if it is not the filter's whim.
        let _ = looked.map_err(discard);
        batch.truncate(wanted);
        if wanted == 0 {
            return Ok(0);
        }
        let (first, handler) = (batch.first_sequence(), &mut self.handler);
        let called = catch_unwind(AssertUnwindSafe(move || handler(batch)));
        let consumed = self.subscriber.position() - first;
        self.record.count(if called.is_ok() { consumed } else { 0 }, 0);
        called.map(|()| consumed as usize).map_err(Turn::Panicked)
    }

    /// Passes over what is not wanted, and calls the handler with what is; gives how many messages that were.
    fn handle(&mut self, most: usize) -> Result<usize, Turn> {
        let skipped = self.pass(most)?;
        if skipped == most {
            return Ok(skipped);
        }
        match self.call(most - skipped) {
            // Nothing that is there is wanted.
            Err(Turn::Nothing) => Ok(skipped),
            called => called.map(|consumed| skipped + consumed),
        }
    }
}

impl<T, S, F> Work for Batched<T, S, F>
where
    T: Send + Sync + 'static,
    S: Select<T, Item = T>,
    F: FnMut(Batch<'_, T>) + Send + 'static,
{
    fn turn(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn {
        if let Err(turn) = self.look() {
            return turn;
        }
        lap.begin(&self.record);
        let handled = self.handle(most);
        lap.end(&self.record);
        match handled {
            Err(turn) => turn,
            Ok(0) => {
                self.refused = self.subscriber.known_available();
                Turn::Refused
            }
            Ok(_) => Turn::Worked,
        }
    }

    fn position(&self) -> u64 {
        self.subscriber.position()
    }

    fn unread(&mut self, until: Option<u64>) -> Unread {
        Unread::of(&self.subscriber, until)
    }
}
