//! What an actor's task does: makes the actor, calls it, and does what its supervision says.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
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

/// Calls what gives a future, and catches its panic.
fn begin<F>(call: impl FnOnce() -> F) -> Result<F, Fault> {
    catch_unwind(AssertUnwindSafe(call)).map_err(Fault::from)
}

/// Polls a future, and catches its panic.
fn poll_caught(
    future: Pin<&mut impl Future<Output = ()>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Fault>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(payload) => Poll::Ready(Err(payload.into())),
    }
}

/// Calls a method of an actor, and catches its panic. (A macro, for a function would keep a second place for the
/// message.)
macro_rules! caught {
    ($from:expr, $tenant:expr, |$actor:ident, $ctx:ident| $call:expr) => {{
        let ($actor, $ctx) = (&mut *$from, &mut $tenant.ctx);
        match begin(move || $call) {
            Err(fault) => Err(fault),
            Ok(future) => {
                let mut future = pin!(future);
                poll_fn(|cx| poll_caught(future.as_mut(), cx)).await
            }
        }
    }};
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
            Verdict::RestartAfter(wait) => {
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
    match begin(make) {
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
    let ended = serve(&mut actor, tenant).await;
    if let Err(fault) = &ended {
        let panic = note(tenant, fault);
        // A panic about a panic is one too many.
        let panic = &panic;
        let _ = caught!(&mut actor, tenant, |actor, ctx| actor.on_panic(panic, ctx));
    }
    // Its `Drop` is user code, too.
    match catch_unwind(AssertUnwindSafe(|| drop(actor))) {
        Ok(()) => ended,
        Err(payload) => ended.and(Err(payload.into())),
    }
}

async fn serve<A, M, B>(actor: &mut A, tenant: &mut Tenant<M, B>) -> Result<StopCause, Fault>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    caught!(actor, tenant, |actor, ctx| actor.on_start(ctx))?;
    let mut budget = tenant.shared().config.budget;
    let cause = loop {
        if tenant.ctx.is_stopping {
            break StopCause::Stopped;
        }
        match tenant.take().await {
            Taken::Messages => handle_hand(actor, tenant, &mut budget).await?,
            Taken::Drained => break StopCause::Drained,
            Taken::Control(Control::Stop) => break StopCause::Stopped,
            Taken::Control(Control::Terminated(terminated)) => {
                caught!(actor, tenant, |actor, ctx| actor.on_terminated(terminated, ctx))?;
            }
            Taken::Control(Control::Escalated(child, message)) => {
                return Err(Fault { message, child: Some(child) });
            }
        }
    };
    caught!(actor, tenant, |actor, ctx| actor.on_stop(ctx))?;
    Ok(cause)
}

/// Handles the messages in hand, until there are none or there is something else to do.
async fn handle_hand<A, M, B>(
    actor: &mut A,
    tenant: &mut Tenant<M, B>,
    budget: &mut u32,
) -> Result<(), Fault>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    let mut is_first = true;
    while let Some(next) = tenant.hand.front() {
        let left = tenant.hand.len() - 1;
        let Some(cell) = tenant.cell() else { return Ok(()) };
        cell.mailbox.begin(left);
        if next.metadata.is_expired() {
            tenant.bury_first(DeadLetterReason::Expired);
            continue;
        }
        let since = std::mem::take(&mut is_first).then(Instant::now);
        // The one in hand stays there until it is handled, should the actor panic or its task be dropped.
        let handled = {
            let envelope = next.clone();
            caught!(actor, tenant, |actor, ctx| actor.handle(envelope, ctx))
        };
        if let Err(fault) = handled {
            tenant.bury_first(DeadLetterReason::Panicked);
            return Err(fault);
        }
        tenant.hand.pop_front();
        let Some(cell) = tenant.cell() else { return Ok(()) };
        cell.meter.handled();
        if let Some(since) = since {
            cell.meter.took(since.elapsed());
        }
        if tenant.ctx.is_stopping || cell.mailbox.has_control() {
            return Ok(());
        }
        *budget -= 1;
        if *budget == 0 {
            *budget = tenant.shared().config.budget;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
