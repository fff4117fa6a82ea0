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
            let (shared, report) = (Arc::clone(&self.shared), self.report.clone());
            self.shared.state.send_replace(SystemState::ShuttingDown);
            self.shared.runtime.spawn(async move {
                let ended = Ending { shared, actors: Vec::new() }.run(routing, drain).await;
                report.send_replace(Some(Arc::new(ended)));
            });
        }
        let mut reports = self.report.subscribe();
        let report = reports.wait_for(Option::is_some).await;
        report.ok().and_then(|report| report.clone()).unwrap_or_default()
    }
}

impl<M: Message, B: MessageBroker<M>> Drop for Owner<M, B> {
    fn drop(&mut self) {
        let Some(routing) = self.routing.lock().take() else { return };
        let shared = &self.shared;
        shared.gate.close();
        stop_all(shared);
        // Waits for the batch that a router thread is in, for a moment: its mailboxes are closed.
        drop(routing);
        shared.crew.end(false);
        shared.state.send_replace(SystemState::Stopped);
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
            self.shared.registry.life(address, |life| life.watchers.push(watcher));
            self.actors.push((address, ended));
        }
    }

    /// Routes and handles what there is; false if some actors have not ended in time.
    async fn drain(&self, routing: Routing<M>, limit: Option<Duration>) -> bool {
        let shared = &self.shared;
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let routed = async {
            shared.gate.emptied().await;
            end_routing(routing).await;
        };
        let mut routed = std::pin::pin!(routed);
        if within(deadline, routed.as_mut()).await.is_none() {
            stop_all(shared);
            routed.await;
        }
        shared.registry.addresses().into_iter().for_each(|address| drain(shared, address));
        if within(deadline, shared.tasks.all_ended()).await.is_some() {
            return true;
        }
        stop_all(shared);
        timeout(shared.config.farewell, shared.tasks.all_ended()).await.is_ok()
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
        SystemReport { actors, handled, dead_letters: shared.buried.get() }
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

/// Has the routers route what was published, and ends them: on a thread of its own where that blocks one. (One of tokio's would live on.)
async fn end_routing<M: Message>(routing: Routing<M>) {
    let router = match routing {
        Routing::Threads(router) => router,
        Routing::Tasks(until, tasks) => {
            until.send_replace(true);
            for task in tasks {
                // One that has panicked routes no more.
                let _ = task.await;
            }
            return;
        }
    };
    let (done, ended) = oneshot::channel::<()>();
    let end = move || {
        let _done = done;
        drop(router.shutdown(Drain::Yes));
    };
    // Where the system gives no thread, the closure is dropped, and with it the router.
    if let Ok(thread) = std::thread::Builder::new().name("actors-end".into()).spawn(end) {
        // An error: the sender is dropped, which is the sign.
        let _ = ended.await;
        let _ = thread.join();
    }
}
