//! What an actor's task does: makes the actor, calls it, and does what its supervision says.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use crate::actor::actor::{Actor, ActorPanic};
use crate::actor::event::ActorEventKind;
use crate::actor::mailbox::{Control, Taken};
use crate::actor::options::Supervision;
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

/// Polls a future to its end, and catches its panic.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Fault> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.map_or_else(|payload| Poll::Ready(Err(payload.into())), |polled| polled.map(Ok))
    })
    .await
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
    let ended = caught(serve(&mut actor, tenant)).await.and_then(|ended| ended);
    if let Err(fault) = &ended {
        if std::mem::take(&mut tenant.is_handling) {
            tenant.bury_first(DeadLetterReason::Panicked);
        }
        let panic = note(tenant, fault);
        // A panic about a panic is one too many.
        let _ = caught(async { actor.on_panic(&panic, &mut tenant.ctx).await }).await;
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
    let mut budget = tenant.shared().config.budget;
    let cause = loop {
        if tenant.ctx.is_stopping {
            break StopCause::Stopped;
        }
        match tenant.take().await {
            Taken::Messages => handle_hand(actor, tenant, &mut budget).await,
            Taken::Drained => break StopCause::Drained,
            Taken::Control(Control::Stop) => break StopCause::Stopped,
            Taken::Control(Control::Terminated(terminated)) => {
                actor.on_terminated(terminated, &mut tenant.ctx).await;
            }
            Taken::Control(Control::Escalated(child, message)) => {
                return Err(Fault { message, child: Some(child) });
            }
        }
    };
    tenant.ctx.is_stopping = true;
    actor.on_stop(&mut tenant.ctx).await;
    Ok(cause)
}

/// Handles the messages in hand, until there are none or there is something else to do.
async fn handle_hand<A, M, B>(actor: &mut A, tenant: &mut Tenant<M, B>, budget: &mut u32)
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    let mut is_first = true;
    while let Some(next) = tenant.hand.front() {
        let left = tenant.hand.len() - 1;
        let Some(cell) = tenant.cell() else { return };
        cell.mailbox.begin(left);
        if next.metadata.is_expired() {
            tenant.bury_first(DeadLetterReason::Expired);
            continue;
        }
        let since = std::mem::take(&mut is_first).then(Instant::now);
        // The one in hand stays there until it is handled, should the actor panic or its task be dropped.
        tenant.is_handling = true;
        actor.handle(next.clone(), &mut tenant.ctx).await;
        tenant.is_handling = false;
        let handled = tenant.hand.pop_front();
        let Some(cell) = tenant.cell() else { return };
        cell.meter.handled();
        drop(handled);
        if let Some(since) = since {
            cell.meter.took(since.elapsed());
        }
        if tenant.ctx.is_stopping || cell.mailbox.has_control() {
            return;
        }
        *budget -= 1;
        if *budget == 0 {
            *budget = tenant.shared().config.budget;
            tokio::task::yield_now().await;
        }
    }
}
