//! The end of a system: orderly, or by being dropped.
//!
//! 1. The gate is closed: sends come back. Those inside are waited for.
//! 2. The routers route what was published, and end.
//! 3. The mailboxes are closed: actors handle what is there, run `on_stop`, and move out.
//!
//! When the time is over, actors are told to stop at once, so that routers find closed mailboxes and wait for
//! nobody; a farewell later, tasks that are still there are dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::actor::mailbox::Control;
use crate::actor::registry::{Watcher, tenancy};
use crate::actor::report::{ActorReport, StopCause, SystemReport};
use crate::actor::routing::Routing;
use crate::actor::shared::Shared;
use crate::actor::system::SystemState;
use crate::broker::{Message, MessageBroker};
use crate::envelope::ActorAddress;
use crate::router::Drain;
use crate::sync::Mutex;

/// What only the handles of a system have; with the last of them it goes.
pub(crate) struct Owner<M: Message, B: MessageBroker<M>> {
    shared: Arc<Shared<M, B>>,
    /// Until it is shut down.
    routing: Mutex<Option<Routing<M>>>,
    report: watch::Sender<Option<Arc<SystemReport>>>,
}

impl<M: Message, B: MessageBroker<M>> Owner<M, B> {
    pub(crate) fn new(shared: &Arc<Shared<M, B>>, routing: Routing<M>) -> Self {
        let (shared, routing) = (Arc::clone(shared), Mutex::new(Some(routing)));
        Self { shared, routing, report: watch::Sender::new(None) }
    }

    pub(crate) async fn shut_down(&self, drain: Drain) -> Arc<SystemReport> {
        let routing = self.routing.lock().take();
        if let Some(routing) = routing {
            let (shared, reporting) = (Arc::clone(&self.shared), Reporting(self.report.clone()));
            self.shared.state.send_replace(SystemState::ShuttingDown);
            self.shared.runtime.spawn(async move {
                let ended = Ending { shared, actors: Vec::new() }.run(routing, drain).await;
                reporting.0.send_replace(Some(Arc::new(ended)));
            });
        }
        let mut reports = self.report.subscribe();
        let report = reports.wait_for(Option::is_some).await;
        report.ok().and_then(|report| report.clone()).unwrap_or_default()
    }
}

/// Reports in any case: the runtime may drop its tasks before it is shut down.
struct Reporting(watch::Sender<Option<Arc<SystemReport>>>);

impl Drop for Reporting {
    fn drop(&mut self) {
        self.0.send_if_modified(|report| {
            let is_missing = report.is_none();
            report.get_or_insert_default();
            is_missing
        });
    }
}

impl<M: Message, B: MessageBroker<M>> Drop for Owner<M, B> {
    fn drop(&mut self) {
        let Some(routing) = self.routing.lock().take() else { return };
        let shared = &self.shared;
        shared.gate.close();
        // First: an actor that is being spawned finds it, or is found.
        shared.state.send_replace(SystemState::Stopped);
        stop_all(shared);
        // Waits for the batch that a router thread is in, for a moment: its mailboxes are closed.
        drop(routing);
        shared.crew.end(false);
    }
}

/// Tells all actors to stop, and lets nobody push any more.
fn stop_all<M: Message, B: MessageBroker<M>>(shared: &Shared<M, B>) {
    for address in shared.registry.addresses() {
        shared.registry.tell(address, Control::Stop);
        drain(shared, address);
    }
}

fn drain<M: Message, B: MessageBroker<M>>(shared: &Shared<M, B>, address: ActorAddress) {
    if let Ok(cell) = shared.registry.cell(address) {
        cell.mailbox.drain(tenancy(address));
    }
}

/// A shutdown under way.
struct Ending<M: Message, B: MessageBroker<M>> {
    shared: Arc<Shared<M, B>>,
    /// The actors that lived when it began, and who tells what they have come to.
    actors: Vec<(ActorAddress, oneshot::Receiver<ActorReport>)>,
}

impl<M: Message, B: MessageBroker<M>> Ending<M, B> {
    async fn run(mut self, routing: Routing<M>, drain: Drain) -> SystemReport {
        let shared = Arc::clone(&self.shared);
        shared.gate.close();
        self.attend();
        let (all_ended, mut hurry) = match drain {
            Drain::Yes => (self.drain(routing, None).await, false),
            Drain::No => (self.drain(routing, Some(Duration::ZERO)).await, false),
            Drain::Within(limit) => (self.drain(routing, Some(limit)).await, false),
        };
        if !all_ended {
            hurry = true;
            let tasks = shared.registry.addresses().into_iter();
            let tasks = tasks.filter_map(|a| shared.registry.life(a, |life| life.task.take())?);
            tasks.for_each(|task| task.abort());
            let _ = timeout(shared.config.farewell, shared.tasks.all_ended()).await;
        }
        let is_stuck = hurry && !shared.registry.is_empty();
        shared.crew.end(!is_stuck);
        let report = self.report();
        shared.state.send_replace(SystemState::Stopped);
        report
    }

    /// Wants to know what becomes of each actor.
    fn attend(&mut self) {
        for address in self.shared.registry.addresses() {
            let (waiter, ended) = oneshot::channel();
            let watcher = Watcher::Waiter(waiter);
            // One that has moved out meanwhile is counted already.
            let lives = self.shared.registry.life(address, |life| life.watchers.push(watcher));
            if lives.is_some() {
                self.actors.push((address, ended));
            }
        }
    }

    /// Routes and handles what there is; false if some actors have not ended in time.
    async fn drain(&self, routing: Routing<M>, limit: Option<Duration>) -> bool {
        let shared = &self.shared;
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        if within(deadline, shared.gate.emptied()).await.is_none() {
            stop_all(shared);
            // Who waits for an actor has been told now; others may wait for somebody else.
            let _ = timeout(shared.config.farewell, shared.gate.emptied()).await;
        }
        self.end_routing(routing, deadline).await;
        shared.registry.addresses().into_iter().for_each(|address| drain(shared, address));
        if within(deadline, shared.tasks.all_ended()).await.is_some() {
            return true;
        }
        stop_all(shared);
        timeout(shared.config.farewell, shared.tasks.all_ended()).await.is_ok()
    }

    /// Routes what there is, and ends the routers.
    async fn end_routing(&self, routing: Routing<M>, deadline: Option<Instant>) {
        let shared = &self.shared;
        // A stream may never be empty; router threads end, for they find closed mailboxes.
        let may_go_on = matches!(routing, Routing::Tasks(_));
        let mut routed = std::pin::pin!(routing.end());
        if within(deadline, routed.as_mut()).await.is_none() {
            stop_all(shared);
            let farewell = may_go_on.then(|| Instant::now() + shared.config.farewell);
            within(farewell, routed).await;
        }
    }

    fn report(&mut self) -> SystemReport {
        let shared = &self.shared;
        let actors = self.actors.drain(..).map(|(address, mut ended)| {
            ended.try_recv().unwrap_or_else(|_| stuck(shared, address))
        });
        let mut actors: Vec<_> = actors.collect();
        actors.sort_by_key(|actor| actor.address);
        let stuck = actors.iter().filter(|actor| actor.cause == StopCause::Stuck);
        let handled = shared.handled.get() + stuck.map(|actor| actor.handled).sum::<u64>();
        let (dead_letters, clone_panics) = (shared.buried.get(), shared.clone_panics.get());
        SystemReport { actors, handled, dead_letters, clone_panics }
    }
}

/// What is known of an actor that has not ended.
fn stuck<M: Message, B: MessageBroker<M>>(
    shared: &Shared<M, B>,
    address: ActorAddress,
) -> ActorReport {
    let name = shared.registry.life(address, |life| life.name.clone()).flatten();
    match shared.registry.cell(address) {
        Ok(cell) => cell.report(address, name, StopCause::Stuck),
        Err(_) => unreachable!("the registry has given this address"),
    }
}

/// What a future gives, unless the deadline comes first.
async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
