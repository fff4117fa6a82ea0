//! What a router thread calls: a subscription, and the user's code for each of its messages.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;

use crate::bus::{Batch, Subscriber, TryRecvError};
use crate::router::membership::MayEnd;
use crate::router::meter::Lap;
use crate::router::record::Record;
use crate::router::report::Fate;
use crate::router::select::Select;

/// A handler that has more to say than a closure: see
/// [`HandlerBuilder::run`](crate::HandlerBuilder::run).
///
/// ```
/// use stentor::{Bus, Drain, Handler, Router};
///
/// /// Collects messages, and writes them when there are no more for now.
/// #[derive(Default)]
/// struct Journal {
///     page: Vec<u64>,
/// }
///
/// impl Handler<u64> for Journal {
///     fn handle(&mut self, message: &u64) {
///         self.page.push(*message);
///     }
///
///     fn flush(&mut self) {
///         println!("{:?}", self.page);
///         self.page.clear();
///     }
/// }
///
/// let bus = Bus::new(64);
/// let publisher = bus.publisher();
/// let router = Router::builder(&bus).start()?;
/// router.handler("journal").run(Journal::default());
/// publisher.publish_batch([1, 2, 3]).unwrap();
/// assert_eq!(router.shutdown(Drain::Yes).handled(), 3);
/// # Ok::<(), stentor::RouterError>(())
/// ```
pub trait Handler<M: ?Sized>: Send + 'static {
    /// Called with each message, on the handler's router thread.
    fn handle(&mut self, message: &M);

    /// Called at the end of a batch, when nothing more was waiting as the batch was taken and the
    /// handler has been called since the last flush: the moment to write or send what it has collected.
    /// Before it returns, the batch does not count as read.
    fn flush(&mut self) {}
}

/// A closure as a [`Handler`].
pub(crate) struct Closure<F>(pub(crate) F);

impl<M: ?Sized, F: FnMut(&M) + Send + 'static> Handler<M> for Closure<F> {
    #[inline(always)]
    fn handle(&mut self, message: &M) {
        (self.0)(message);
    }
}

/// What a panic leaves behind.
pub(crate) type Payload = Box<dyn Any + Send>;

/// What came of a handler's turn.
pub(crate) enum Turn {
    /// There was nothing to read.
    Nothing,
    /// There was something, but the user's code wants to read it when there is more.
    Refused,
    Worked,
    /// The user's code panicked; the message in which it did counts as read.
    Panicked(Payload),
    /// There will be nothing more to read.
    Over(Fate),
}

impl From<TryRecvError> for Turn {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::Nothing,
            // Counted where it happened: in the cursor.
            TryRecvError::Lagged(_) => Self::Worked,
            TryRecvError::Evicted(_) => Self::Over(Fate::Evicted),
            TryRecvError::Closed => Self::Over(Fate::Closed),
        }
    }
}

/// A handler, as its thread sees it.
pub(crate) trait Work: Send {
    /// Reads and handles at most `most` messages.
    fn turn(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn;

    /// The next sequence it will read.
    fn position(&self) -> u64;

    /// It ends now: what it has not read, of the messages before `until` or of all.
    fn unread(&mut self, until: Option<u64>) -> Unread;

    /// It has read everything before `to`: whether it may end.
    fn may_end(&mut self, _to: u64) -> MayEnd {
        MayEnd::Yes
    }

    /// It is to be removed. True if it may go at once; otherwise its turns say when it is over.
    fn leave(&mut self) -> bool {
        true
    }

    /// It has panicked and will get no more turns. True if others take over what it has not read.
    fn abandon(&mut self) -> bool {
        false
    }
}

/// Messages that a handler has not read. None counts as both.
#[derive(Clone, Copy)]
pub(crate) struct Unread {
    /// It could still have read them.
    pub(crate) left: u64,
    /// They were lost.
    pub(crate) dropped: u64,
}

impl Unread {
    /// What a subscriber has not read, of the messages before `until` or of all.
    pub(crate) fn of<T>(subscriber: &Subscriber<T>, until: Option<u64>) -> Self {
        let until = until.unwrap_or_else(|| subscriber.ring().sequencer.head());
        let (at, dropped) = subscriber.reached();
        Self { left: until.saturating_sub(at), dropped }
    }
}

/// How far a batch has got.
#[derive(Default)]
pub(crate) struct Tally {
    /// Messages begun, in which nobody panicked or somebody did.
    pub(crate) begun: usize,
    /// Messages passed over.
    pub(crate) skipped: usize,
}

/// Calls the handler with what `select` finds. A function of its own, for its parameters are known to be apart from
/// each other: what the loop counts need not be in memory wherever the handler cannot panic.
#[inline(always)]
fn call<'m, T: 'm, M: ?Sized + 'm>(
    messages: impl Iterator<Item = (u64, &'m T)>,
    select: &mut impl FnMut(u64, &'m T) -> Option<&'m M>,
    handler: &mut impl Handler<M>,
    tally: &mut Tally,
) {
    for (sequence, message) in messages {
        tally.begun += 1;
        match select(sequence, message) {
            Some(wanted) => handler.handle(wanted),
            None => tally.skipped += 1,
        }
    }
}

/// Calls the handler with what `select` finds in the batch, and with `flush` where the batch is the last one
/// for now. If it panics, the messages up to there count as read.
#[inline(always)]
pub(crate) fn deliver<T, M: ?Sized>(
    mut batch: Batch<'_, T>,
    mut select: impl FnMut(u64, &T) -> Option<&M>,
    handler: &mut impl Handler<M>,
    unflushed: &mut bool,
    record: &Record,
    lap: &mut Lap<'_>,
) -> Turn {
    lap.begin(record);
    let mut tally = Tally::default();
    let first = batch.first_sequence();
    let called = catch_unwind(AssertUnwindSafe(|| {
        call((first..).zip(&batch), &mut select, handler, &mut tally);
        *unflushed |= tally.begun > tally.skipped;
        if *unflushed && batch.is_end_of_batch() {
            *unflushed = false;
            handler.flush();
        }
    }));
    let panicked = usize::from(called.is_err());
    batch.consume(tally.begun);
    drop(batch);
    let handled = tally.begun - tally.skipped;
    record.count(handled.saturating_sub(panicked) as u64, tally.skipped as u64);
    lap.end(record);
    match called {
        Ok(()) => Turn::Worked,
        Err(payload) => Turn::Panicked(payload),
    }
}

/// A handler that is called with each message.
pub(crate) struct Each<T, S, H> {
    pub(crate) subscriber: Subscriber<T>,
    pub(crate) select: S,
    pub(crate) handler: H,
    /// It has been called since it was last flushed.
    pub(crate) unflushed: bool,
    pub(crate) record: StdArc<Record>,
}

impl<T, S, H> Work for Each<T, S, H>
where
    T: Send + Sync + 'static,
    S: Select<T>,
    H: Handler<S::Item>,
{
    fn turn(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn {
        let Self { subscriber, select, handler, unflushed, record } = self;
        match subscriber.try_read(most) {
            Ok(batch) => {
                deliver(batch, |_, message| select.select(message), handler, unflushed, record, lap)
            }
            Err(error) => error.into(),
        }
    }

    fn position(&self) -> u64 {
        self.subscriber.position()
    }

    fn unread(&mut self, until: Option<u64>) -> Unread {
        Unread::of(&self.subscriber, until)
    }
}

/// Drops what a panic left behind; if that panics in turn, so be it.
pub(crate) fn discard(payload: Payload) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}
