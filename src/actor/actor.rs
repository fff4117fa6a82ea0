//! What users write.

use std::fmt;
use std::future::ready;

use crate::actor::context::ActorContext;
use crate::actor::report::StopCause;
use crate::envelope::{ActorAddress, MessageEnvelope};

/// Handles the messages of one address, one after the other, as a task.
///
/// The methods are `async fn`s, of which only [`handle`](Self::handle) must be written. They run one at a time,
/// so an actor needs no locks for what it owns. A panic in one of them hurts nobody else; what comes
/// of it is decided by the actor's [`Supervision`](crate::Supervision).
///
/// ```
/// use stentor::{Actor, ActorContext, MessageBroker, MessageEnvelope};
///
/// struct Counter(u64);
///
/// impl<B: MessageBroker<u64>> Actor<u64, B> for Counter {
///     async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
///         self.0 += envelope.message;
///         let _ = ctx.reply(&envelope, self.0).await;
///     }
/// }
/// ```
pub trait Actor<M, B>: Send + 'static {
    /// Handles a message. The next one is handled when this is ready.
    fn handle(
        &mut self,
        envelope: MessageEnvelope<M>,
        ctx: &mut ActorContext<M, B>,
    ) -> impl Future<Output = ()> + Send;

    /// Called before the first message, and before the first one after each restart.
    fn on_start(&mut self, ctx: &mut ActorContext<M, B>) -> impl Future<Output = ()> + Send {
        let _ = ctx;
        ready(())
    }

    /// Called after the last message, unless the actor has panicked: also not if it is told to stop before
    /// another has been put in its place.
    fn on_stop(&mut self, ctx: &mut ActorContext<M, B>) -> impl Future<Output = ()> + Send {
        let _ = ctx;
        ready(())
    }

    /// Called when one of the other methods has panicked, on the actor as the panic left it. Afterwards it is
    /// dropped: its supervision may put another in its place.
    fn on_panic(
        &mut self,
        panic: &ActorPanic,
        ctx: &mut ActorContext<M, B>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (panic, ctx);
        ready(())
    }

    /// Called when an actor that is [watched](ActorContext::watch) has ended.
    fn on_terminated(
        &mut self,
        terminated: Terminated,
        ctx: &mut ActorContext<M, B>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (terminated, ctx);
        ready(())
    }
}

/// An actor that computes or blocks: a pinned thread of the system's drives it, and no task of tokio's
/// waits for it. See [`ActorSystem::spawn_sync`](crate::ActorSystem::spawn_sync).
///
/// Actors of the same thread wait for each other, so one that blocks for long wants a thread of its own.
/// To send, it uses [`ActorContext::send_blocking`].
pub trait SyncActor<M, B>: Send + 'static {
    /// Handles a message.
    fn handle(&mut self, envelope: MessageEnvelope<M>, ctx: &mut ActorContext<M, B>);

    /// As [`Actor::on_start`].
    fn on_start(&mut self, ctx: &mut ActorContext<M, B>) {
        let _ = ctx;
    }

    /// As [`Actor::on_stop`].
    fn on_stop(&mut self, ctx: &mut ActorContext<M, B>) {
        let _ = ctx;
    }

    /// As [`Actor::on_panic`].
    fn on_panic(&mut self, panic: &ActorPanic, ctx: &mut ActorContext<M, B>) {
        let _ = (panic, ctx);
    }

    /// As [`Actor::on_terminated`].
    fn on_terminated(&mut self, terminated: Terminated, ctx: &mut ActorContext<M, B>) {
        let _ = (terminated, ctx);
    }
}

/// A [`SyncActor`] as an [`Actor`].
pub(crate) struct Synchronous<S>(pub(crate) S);

impl<M, B, S> Actor<M, B> for Synchronous<S>
where
    M: Send + Sync + 'static,
    B: Send + Sync + 'static,
    S: SyncActor<M, B>,
{
    fn handle(
        &mut self,
        envelope: MessageEnvelope<M>,
        ctx: &mut ActorContext<M, B>,
    ) -> impl Future<Output = ()> + Send {
        self.0.handle(envelope, ctx);
        ready(())
    }

    fn on_start(&mut self, ctx: &mut ActorContext<M, B>) -> impl Future<Output = ()> + Send {
        self.0.on_start(ctx);
        ready(())
    }

    fn on_stop(&mut self, ctx: &mut ActorContext<M, B>) -> impl Future<Output = ()> + Send {
        self.0.on_stop(ctx);
        ready(())
    }

    fn on_panic(
        &mut self,
        panic: &ActorPanic,
        ctx: &mut ActorContext<M, B>,
    ) -> impl Future<Output = ()> + Send {
        self.0.on_panic(panic, ctx);
        ready(())
    }

    fn on_terminated(
        &mut self,
        terminated: Terminated,
        ctx: &mut ActorContext<M, B>,
    ) -> impl Future<Output = ()> + Send {
        self.0.on_terminated(terminated, ctx);
        ready(())
    }
}

/// What is known of an actor's panic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorPanic {
    /// What the panic said, if that was text.
    pub message: String,
    /// How often the actor of this address has panicked, this time included.
    pub panics: u64,
    /// The child whose panic was escalated, if it was not the actor's own.
    pub child: Option<ActorAddress>,
}

impl fmt::Display for ActorPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.child {
            None => write!(f, "the actor panicked: {}", self.message),
            Some(child) => write!(f, "its child {child} panicked: {}", self.message),
        }
    }
}

/// An actor that was watched has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terminated {
    /// Its address, which is stale now.
    pub address: ActorAddress,
    /// Why it has ended; `None` if it had before it was watched, or never was.
    pub cause: Option<StopCause>,
}
