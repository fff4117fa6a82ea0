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
use crate::actor::options::Supervision;
use crate::actor::registry::Cell;
use crate::actor::report::StopCause;
use crate::actor::supervision::{Supervisor, Verdict};
use crate::actor::tenant::Tenant;
use crate::broker::{DeadLetterReason, Message, MessageBroker};
use crate::envelope::{ActorAddress, MessageEnvelope};

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

/// Runs an actor to its end. `make` gives the first and, if it is restarted, the next ones.
pub(crate) async fn run<A, M, B>(
    mut tenant: Tenant<M, B>,
    mut make: impl FnMut() -> Option<A> + Send,
    rule: Supervision,
    keep_mailbox: bool,
) where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    tenant.tell(ActorEventKind::Started);
    let mut supervisor = Supervisor::new(rule);
    loop {
        let fault = match live(&mut tenant, &mut make).await {
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
                if !tenant.pause(wait).await {
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

/// Makes an actor, and calls it until it ends or panics.
async fn live<A, M, B>(
    tenant: &mut Tenant<M, B>,
    make: &mut (impl FnMut() -> Option<A> + Send),
) -> Result<StopCause, Fault>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    match catch_unwind(AssertUnwindSafe(make)).map_err(Fault::from) {
        Ok(Some(actor)) => serve_and_mourn(actor, tenant).await,
        Ok(None) => Ok(StopCause::Panicked),
        Err(fault) => {
            note(tenant, &fault);
            Err(fault)
        }
    }
}

/// Counts a panic, and tells of it.
fn note<M: Message, B: MessageBroker<M>>(tenant: &mut Tenant<M, B>, fault: &Fault) -> ActorPanic {
    let panics = tenant.cell().map_or(0, |cell| cell.meter.panicked());
    tenant.tell(ActorEventKind::Panicked(fault.message.as_str().into()));
    ActorPanic { message: fault.message.clone(), panics, child: fault.child }
}

async fn serve_and_mourn<A, M, B>(
    mut actor: A,
    tenant: &mut Tenant<M, B>,
) -> Result<StopCause, Fault>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
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

async fn serve<A, M, B>(actor: &mut A, tenant: &mut Tenant<M, B>) -> Result<StopCause, Fault>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    actor.on_start(&mut tenant.ctx).await;
    let shared = Arc::clone(tenant.shared());
    let mut budget = shared.config.budget;
    // Where it lives does not change.
    let Ok(cell) = shared.registry.cell(tenant.ctx.address) else { return Ok(StopCause::Drained) };
    let cause = loop {
        if tenant.ctx.is_stopping {
            break StopCause::Stopped;
        }
        match poll_fn(|cx| cell.mailbox.poll_take(&mut tenant.hand, cx)).await {
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
        while let Some(envelope) = next(tenant, cell) {
            let since = cell.meter.is_to_be_timed().then(Instant::now);
            actor.handle(envelope, &mut tenant.ctx).await;
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

/// The next message in hand, to be handled. One stays there until it has been, should the actor panic or its task
/// be dropped.
#[inline]
fn next<M, B>(tenant: &mut Tenant<M, B>, cell: &Cell<M>) -> Option<MessageEnvelope<M>>
where
    M: Message,
    B: MessageBroker<M>,
{
    loop {
        let next = tenant.hand.front()?;
        cell.mailbox.begin(tenant.hand.len() - 1);
        if !next.metadata.is_expired() {
            tenant.is_handling = true;
            return Some(next.clone());
        }
        tenant.bury_first(DeadLetterReason::Expired);
    }
}
