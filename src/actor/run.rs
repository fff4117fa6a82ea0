//! What an actor's task does: makes the actor, calls it, and does what its supervision says.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::actor::actor::{Actor, ActorPanic};
use crate::actor::event::ActorEventKind;
use crate::actor::mailbox::{Control, Taken};
use crate::actor::pooled::Block;
use crate::actor::registry::Cell;
use crate::actor::report::StopCause;
use crate::actor::supervision::{Supervisor, Verdict};
use crate::actor::tenant::Tenant;
use crate::broker::{DeadLetterReason, Message, MessageBroker};
use crate::envelope::ActorAddress;

/// A panic, and the child it came from.
struct Fault {
    message: String,
    child: Option<ActorAddress>,
}

impl From<Box<dyn Any + Send>> for Fault {
    fn from(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = text.unwrap_or("a panic without words").to_owned();
        // Its `Drop` is user code.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
        Self { message, child: None }
    }
}

/// Polls a future, and catches its panic. (Its caller has it pinned: a function that took it would keep it twice.)
fn poll_caught<T>(
    future: Pin<&mut impl Future<Output = T>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, Fault>> {
    let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
    polled.map_or_else(|payload| Poll::Ready(Err(payload.into())), |polled| polled.map(Ok))
}

/// Runs an actor to its end. `make` gives the first and, if it is restarted, the next ones. (Async functions keep
/// their arguments twice: idle actors would be larger.)
#[expect(clippy::manual_async_fn, reason = "see above")]
pub(crate) fn run<A, M, B>(
    mut tenant: Tenant<M, B>,
    mut make: impl FnMut() -> Option<A> + Send,
    mut supervisor: Supervisor,
    keep_mailbox: bool,
) -> impl Future<Output = ()> + Send
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    async move {
        let tenant = &mut tenant;
        tenant.tell(ActorEventKind::Started);
        loop {
            let fault = match live(tenant, &mut make).await {
                Ok(cause) => {
                    tenant.cause = cause;
                    return;
                }
                Err(fault) => fault,
            };
            let since = Instant::now();
            match supervisor.judge() {
                // One that is to end anyway is not restarted.
                Verdict::RestartAfter(wait) if !tenant.ctx.is_stopping => {
                    if !keep_mailbox {
                        tenant.bury_all(&DeadLetterReason::Panicked);
                    }
                    // Apart: few actors are ever restarted.
                    if !Box::pin(tenant.pause(wait)).await {
                        tenant.cause = StopCause::Stopped;
                        return;
                    }
                }
                verdict => {
                    tenant.cause = StopCause::Panicked;
                    tenant.escalates = (verdict == Verdict::Escalate).then_some(fault.message);
                    return;
                }
            }
            let restarts = tenant.cell().map_or(0, |cell| cell.meter.restarted());
            tenant.tell(ActorEventKind::Restarted { restarts, after: since.elapsed() });
        }
    }
}

/// Makes an actor, and calls it until it ends or panics.
#[expect(clippy::manual_async_fn, reason = "as in `run`")]
fn live<A, M, B>(
    tenant: &mut Tenant<M, B>,
    make: &mut (impl FnMut() -> Option<A> + Send),
) -> impl Future<Output = Result<StopCause, Fault>> + Send
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    async move {
        let actor = match catch_unwind(AssertUnwindSafe(make)).map_err(Fault::from) {
            Ok(Some(actor)) => actor,
            Ok(None) => return Ok(StopCause::Panicked),
            Err(fault) => {
                note(tenant, &fault);
                return Err(fault);
            }
        };
        serve_and_mourn(actor, tenant).await
    }
}

/// Counts a panic, and tells of it.
fn note<M: Message, B: MessageBroker<M>>(tenant: &mut Tenant<M, B>, fault: &Fault) -> ActorPanic {
    let panics = tenant.cell().map_or(0, |cell| cell.meter.panicked());
    tenant.tell(ActorEventKind::Panicked(fault.message.as_str().into()));
    ActorPanic { message: fault.message.clone(), panics, child: fault.child }
}

#[expect(clippy::manual_async_fn, reason = "as in `run`")]
fn serve_and_mourn<A, M, B>(
    mut actor: A,
    tenant: &mut Tenant<M, B>,
) -> impl Future<Output = Result<StopCause, Fault>> + Send
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    async move {
        // Whatever panics meanwhile: the actor, or the messages' `Clone` and `Drop`.
        let ended = {
            let mut serving = pin!(serve(&mut actor, tenant));
            poll_fn(|cx| poll_caught(serving.as_mut(), cx)).await.and_then(|ended| ended)
        };
        if let Err(fault) = &ended {
            if std::mem::take(&mut tenant.is_handling) {
                tenant.bury_first(DeadLetterReason::Panicked);
            }
            let panic = note(tenant, fault);
            // A panic about a panic is one too many.
            let mut mourning = pin!(async { actor.on_panic(&panic, &mut tenant.ctx).await });
            let _ = poll_fn(|cx| poll_caught(mourning.as_mut(), cx)).await;
        }
        // Its `Drop` is user code, too.
        match catch_unwind(AssertUnwindSafe(|| drop(actor))) {
            Err(payload) if ended.is_ok() => {
                let fault = payload.into();
                note(tenant, &fault);
                Err(fault)
            }
            _ => ended,
        }
    }
}

async fn serve<A, M, B>(actor: &mut A, tenant: &mut Tenant<M, B>) -> Result<StopCause, Fault>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    actor.on_start(&mut tenant.ctx).await;
    let shared = Arc::clone(tenant.shared());
    let (mut budget, mut block) = (shared.config.budget, Block::default());
    // Where it lives does not change.
    let Ok(cell) = shared.registry.cell(tenant.ctx.address) else { return Ok(StopCause::Drained) };
    let cause = loop {
        if tenant.ctx.is_stopping {
            break StopCause::Stopped;
        }
        let taken = poll_fn(|cx| {
            let taken = cell.mailbox.poll_take(&mut tenant.hand, cx);
            if taken.is_pending() {
                // An idle actor needs none.
                block.give_back();
            }
            taken
        });
        match taken.await {
            Taken::Messages => {}
            Taken::Drained => break StopCause::Drained,
            Taken::Control(Control::Stop) => break StopCause::Stopped,
            Taken::Control(Control::Terminated(terminated)) => {
                actor.on_terminated(terminated, &mut tenant.ctx).await;
                continue;
            }
            Taken::Control(Control::Escalated(child, message)) => {
                return Err(Fault { message, child: Some(child) });
            }
        }
        // What is in hand, until there is something else to do.
        while has_next(tenant, cell) {
            let since = cell.meter.is_to_be_timed().then(Instant::now);
            // One stays there until it has been handled, should the actor panic or its task be dropped.
            tenant.is_handling = true;
            block.hold(|| actor.handle(tenant.hand[0].clone(), &mut tenant.ctx)).await;
            tenant.is_handling = false;
            let handled = tenant.hand.pop_front();
            cell.meter.handled(since);
            // It was handled even if its `Drop` panics.
            drop(handled);
            if tenant.ctx.is_stopping || cell.mailbox.has_control() {
                break;
            }
            budget -= 1;
            if budget == 0 {
                budget = shared.config.budget;
                tokio::task::yield_now().await;
            }
        }
    };
    tenant.ctx.is_stopping = true;
    actor.on_stop(&mut tenant.ctx).await;
    Ok(cause)
}

/// Whether there is a message in hand to be handled. Those that have expired are not.
#[inline]
fn has_next<M: Message, B: MessageBroker<M>>(tenant: &mut Tenant<M, B>, cell: &Cell<M>) -> bool {
    while let Some(next) = tenant.hand.front() {
        cell.mailbox.begin(tenant.hand.len() - 1);
        if !next.metadata.is_expired() {
            return true;
        }
        tenant.bury_first(DeadLetterReason::Expired);
    }
    false
}
