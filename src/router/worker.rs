//! The loop of a router thread.
//!
//! A turn looks for commands (one load, unless there are some), then gives each handler one bounded step. What
//! happens after a turn that found nothing is the wait strategy's affair; the thread registers at the
//! bus's doorbell once, whatever the number of its handlers. The list of handlers is the thread's
//! own: others change it by commands, between two turns, so a turn takes no lock for it and sees it
//! change under no handler's feet.
//!
//! # Commands
//! A sender puts the command into the channel, raises `pending`, and unparks the thread. The thread
//! takes `pending` back *before* it empties the channel; so a command that it does not find has
//! `pending` raised after it, for the next turn. If it sleeps, or is about to, the unparking lets it
//! look again; that is the thread's own token, no registration, so none can be missed.
//!
//! # Leaving
//! Whoever lets go of a [`Running`] ends its handler: the thread in its turn, or the channel, when it is
//! dropped with the command still in it. So nobody waits for a handler that no thread has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc as StdArc;

use crate::bus::core::Core;
use crate::router::membership::MayEnd;
use crate::router::meter::Lap;
use crate::router::pin::Plan;
use crate::router::record::{HandlerId, Record};
use crate::router::report::{Fate, OnPanic, PanicReport};
use crate::router::station::{Common, Station};
use crate::router::work::{Payload, Turn, Work, discard};
use crate::sync::{Arc, Ordering, Receiver};
use crate::wait::strategy::{Patience, WaitStrategy};
use crate::wait::thread::wait;

/// What a thread can be told.
pub(crate) enum Command {
    /// Take this handler on.
    Add(Running),
    /// Remove this one.
    Remove(HandlerId),
    /// End, with each handler once it has read everything below this sequence.
    Drain(u64),
    /// End now; what is unread below this sequence is left.
    Stop(u64),
}

/// A handler in its thread's hands, or on the way there.
pub(crate) struct Running {
    /// There until it ends.
    work: Option<Box<dyn Work>>,
    record: StdArc<Record>,
    /// It ends before this sequence.
    until: Option<u64>,
    common: Arc<Common>,
}

impl Running {
    pub(crate) fn new(work: Box<dyn Work>, record: StdArc<Record>, common: Arc<Common>) -> Self {
        Self { work: Some(work), record, until: None, common }
    }

    #[inline(always)]
    fn turn(&mut self, most: usize, lap: &mut Lap<'_>) -> Turn {
        match (&mut self.work, self.until) {
            (Some(work), None) => work.turn(most, lap),
            (Some(work), Some(until)) => turn_until(work, until, most, lap),
            (None, _) => Turn::Nothing,
        }
    }

    /// Lets go of the subscription and of the user's code, then says so.
    fn end(&mut self, fate: Fate) {
        let Some(mut work) = self.work.take() else { return };
        let taken_over = fate == Fate::Panicked && work.abandon();
        let mut unread = work.unread(self.until);
        if taken_over || fate == Fate::Evicted {
            unread.left = 0;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(work))) {
            self.report(&payload);
            discard(payload);
        }
        if fate == Fate::Removed {
            self.common.records.lock().retain(|record| record.id != self.record.id);
        }
        let fate = if fate == Fate::Stopped && unread.left == 0 { Fate::Drained } else { fate };
        self.record.end(fate, unread);
        // Relaxed: it only helps to choose a thread.
        self.station().handlers.fetch_sub(1, Ordering::Relaxed);
        self.common.departures.ring();
    }

    fn station(&self) -> &Station {
        &self.common.stations[self.record.thread]
    }

    /// Counts a panic, and tells who wants to know.
    #[cold]
    fn report(&self, payload: &Payload) {
        let record = &self.record;
        let message = text(payload);
        record.counters.panics.add(1);
        *record.last_panic.lock() = Some(message.clone());
        let report = PanicReport {
            router: self.common.name.clone(),
            id: record.id,
            name: record.name.clone(),
            message,
            panics: record.counters.panics.get(),
            policy: record.policy,
        };
        #[cfg(feature = "tracing")]
        tracing::error!(
            router = %report.router, handler = %report.name, panics = report.panics,
            "a handler panicked: {}", report.message
        );
        if let Some(hook) = &self.common.on_panic
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(&report)))
        {
            discard(payload);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Fate::Stopped);
    }
}

/// A step of a handler that is to end before a sequence.
#[cold]
fn turn_until(work: &mut Box<dyn Work>, until: u64, most: usize, lap: &mut Lap<'_>) -> Turn {
    let left = until.saturating_sub(work.position());
    let may_end = if left == 0 { work.may_end(until) } else { MayEnd::NotYet };
    match may_end {
        MayEnd::Yes => return Turn::Over(Fate::Drained),
        MayEnd::Later => return Turn::Nothing,
        MayEnd::NotYet => {}
    }
    match work.turn(most.min(left.max(1) as usize), lap) {
        // Places that hold no message are passed without work: look again.
        Turn::Nothing if left > 0 && work.position() >= until => Turn::Worked,
        Turn::Refused => Turn::Over(Fate::Stopped),
        turn => turn,
    }
}

/// What a panic said.
fn text(payload: &Payload) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

/// A router thread.
pub(crate) struct Worker<T> {
    core: Arc<Core<T>>,
    common: Arc<Common>,
    /// Its number.
    index: usize,
    commands: Receiver<Command>,
    handlers: Vec<Running>,
    /// The most messages for each handler and turn.
    most: usize,
    /// It takes on no more handlers, and ends with the last.
    leaving: bool,
}

impl<T> Worker<T> {
    pub(crate) fn new(
        core: Arc<Core<T>>,
        common: Arc<Common>,
        index: usize,
        commands: Receiver<Command>,
        most: usize,
    ) -> Self {
        Self { core, common, index, commands, handlers: Vec::new(), most, leaving: false }
    }

    /// What the thread does from its beginning to its end.
    pub(crate) fn run(mut self, plan: &Plan, strategy: &WaitStrategy) {
        let common = Arc::clone(&self.common);
        let station = &common.stations[self.index];
        station.enter();
        take_place(&common, station, plan);
        let (key, mut patience) = (self.core.new_key(), Patience::new());
        while !(self.leaving && self.handlers.is_empty()) {
            if !self.turn(&common, station) {
                wait(
                    &mut (&mut self, strategy),
                    |(worker, strategy)| (&worker.core.arrivals, strategy),
                    key,
                    &mut patience,
                    None,
                    |(worker, _), _| worker.turn(&common, station).then_some(()),
                );
            }
        }
    }

    /// Obeys, then gives each handler a step. False if there was nothing to do.
    fn turn(&mut self, common: &Common, station: &Station) -> bool {
        let mut found = station.pending.is_raised() && self.obey(station);
        let mut lap = Lap::new(&common.clock, station);
        let mut at = 0;
        while let Some(running) = self.handlers.get_mut(at) {
            match running.turn(self.most, &mut lap) {
                Turn::Nothing | Turn::Refused => at += 1,
                Turn::Worked => {
                    found = true;
                    at += 1;
                }
                turn => {
                    found = true;
                    at += usize::from(self.settle(at, turn));
                }
            }
        }
        found
    }

    /// Deals with a panic or an end; false if the handler is gone.
    #[cold]
    fn settle(&mut self, at: usize, turn: Turn) -> bool {
        let running = &mut self.handlers[at];
        let fate = match turn {
            Turn::Nothing | Turn::Refused | Turn::Worked => return true,
            Turn::Over(fate) => fate,
            Turn::Panicked(payload) => {
                running.report(&payload);
                discard(payload);
                if running.record.policy == OnPanic::Continue {
                    return true;
                }
                Fate::Panicked
            }
        };
        running.end(fate);
        self.handlers.remove(at);
        false
    }

    #[cold]
    fn obey(&mut self, station: &Station) -> bool {
        station.pending.take();
        while let Ok(command) = self.commands.try_recv() {
            match command {
                // Dropping it ends it.
                Command::Add(running) if self.leaving => drop(running),
                Command::Add(running) => self.handlers.push(running),
                Command::Remove(id) => self.remove(id),
                Command::Drain(until) => self.leave_by(until),
                Command::Stop(until) => {
                    self.leave_by(until);
                    self.handlers.clear();
                }
            }
        }
        true
    }

    fn remove(&mut self, id: HandlerId) {
        let Some(at) = self.handlers.iter().position(|running| running.record.id == id) else {
            return;
        };
        let running = &mut self.handlers[at];
        if running.work.as_mut().is_some_and(|work| work.leave()) {
            running.end(Fate::Removed);
            self.handlers.remove(at);
        }
    }

    fn leave_by(&mut self, until: u64) {
        self.leaving = true;
        self.handlers.iter_mut().for_each(|running| running.until = Some(until));
    }
}

impl<T> Drop for Worker<T> {
    /// However the thread ends, nobody waits for it.
    fn drop(&mut self) {
        self.handlers.clear();
        self.common.stations[self.index].leave();
        self.common.departures.ring();
    }
}

/// Goes to the thread's core, and says where it is.
fn take_place(common: &Common, station: &Station, plan: &Plan) {
    let pinned = plan.carry_out();
    #[cfg(feature = "tracing")]
    if let crate::router::pin::Pinned::Refused { core, reason } = &pinned {
        tracing::warn!(router = %common.name, thread = %station.name, ?core, "not pinned: {reason}");
    }
    *station.pinned.lock() = Some(pinned);
    common.departures.ring();
}
