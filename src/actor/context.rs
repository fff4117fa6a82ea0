//! What an actor is handed with each message.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::actor::actor::{Actor, SyncActor, Synchronous, Terminated};
use crate::actor::error::{AskError, SendError, SpawnError};
use crate::actor::mailbox::Control;
use crate::actor::options::SpawnOptions;
use crate::actor::registry::{ActorRegistry, Watcher};
use crate::actor::shared::Shared;
use crate::actor::system::spawn;
use crate::actor::timer::TimerHandle;
use crate::broker::{Message, MessageBroker};
use crate::envelope::{ActorAddress, MessageEnvelope};
use crate::wait::block_on::block_on;

/// What an actor is handed with each message: who it is, and what it can do.
///
/// Whatever it sends is published on the broker. A future of this that waits for room there keeps no
/// thread from other tasks.
pub struct ActorContext<M, B> {
    pub(crate) shared: Arc<Shared<M, B>>,
    pub(crate) address: ActorAddress,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) timers: Vec<AbortHandle>,
    /// It is to be stopped, or is ending.
    pub(crate) is_stopping: bool,
}

impl<M, B> ActorContext<M, B> {
    pub(crate) fn new(
        shared: Arc<Shared<M, B>>,
        address: ActorAddress,
        name: Option<Arc<str>>,
    ) -> Self {
        Self { shared, address, name, timers: Vec::new(), is_stopping: false }
    }

    /// The actor's address.
    pub fn address(&self) -> ActorAddress {
        self.address
    }

    /// The actor's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The addresses of the system's actors.
    pub fn registry(&self) -> &ActorRegistry<M> {
        &self.shared.registry
    }

    /// Stops this actor after the message that it handles. What is left in its mailbox becomes dead letters.
    pub fn stop_self(&mut self) {
        self.is_stopping = true;
    }

    /// Stops an actor after the message that it handles, and does not wait for that; false if it has ended
    /// already.
    pub fn stop(&self, address: ActorAddress) -> bool {
        self.shared.registry.tell(address, Control::Stop)
    }

    /// Has [`on_terminated`](Actor::on_terminated) called when the actor of this address has ended: at once, if
    /// it has already, or is not of this system.
    pub fn watch(&self, address: ActorAddress) {
        let watcher = Watcher::Actor(self.address);
        let watching = self.shared.registry.life(address, |life| life.watchers.push(watcher));
        if watching.is_none() {
            let terminated = Terminated { address, cause: None };
            self.shared.registry.tell(self.address, Control::Terminated(terminated));
        }
    }

    /// Watches an actor no more. What has been told already is still handled.
    pub fn unwatch(&self, address: ActorAddress) {
        let is_other = |watcher: &Watcher| !matches!(watcher, Watcher::Actor(watcher) if *watcher == self.address);
        self.shared.registry.life(address, |life| life.watchers.retain(is_other));
    }
}

impl<M: Message, B: MessageBroker<M>> ActorContext<M, B> {
    // ===== sending =====

    /// Sends a message; waits, as a task, while the broker has no room. Whether it arrives is not known: one
    /// that does not becomes a dead letter.
    ///
    /// # Errors
    /// It was not sent; the error says why, and has it.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has sent nothing.
    #[inline]
    pub fn send(
        &self,
        recipient: ActorAddress,
        message: M,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        self.shared.send(Some(self.address), recipient, message)
    }

    /// As [`send`](Self::send), for a [`SyncActor`](crate::SyncActor): waits, as a thread.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_blocking(
        &self,
        recipient: ActorAddress,
        message: M,
    ) -> Result<(), SendError<M, B::Error>> {
        wait(&self.shared, self.send(recipient, message))
    }

    /// Sends a request and waits for its reply, for `timeout` in all. It is handled like any other message;
    /// [`reply`](Self::reply) answers it.
    ///
    /// # Errors
    /// It was not answered; the error says why, and has the request. If nobody will handle it, that is known at
    /// once (on brokers of other processes, only if the recipient is an actor of this system that has ended).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it may have sent the request.
    #[inline]
    pub fn request<R>(
        &self,
        recipient: ActorAddress,
        message: M,
        timeout: Duration,
    ) -> impl Future<Output = Result<MessageEnvelope<R>, AskError<M, B::Error>>> + Send
    where
        R: Message + TryFrom<M>,
    {
        self.shared.request(Some(self.address), recipient, message, timeout)
    }

    /// Replies to a message: to where it asks replies to go, or else to its sender.
    ///
    /// # Errors
    /// It was not sent, or there is nobody to reply to; the error has the reply.
    #[inline]
    pub fn reply(
        &self,
        envelope: &MessageEnvelope<M>,
        message: M,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        self.shared.reply(Some(self.address), envelope, message)
    }

    /// As [`reply`](Self::reply), for a [`SyncActor`](crate::SyncActor): waits, as a thread.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub fn reply_blocking(
        &self,
        envelope: &MessageEnvelope<M>,
        message: M,
    ) -> Result<(), SendError<M, B::Error>> {
        wait(&self.shared, self.reply(envelope, message))
    }

    // ===== timers =====

    /// Sends a message when so much time has passed, unless it is cancelled or this actor ends before.
    pub fn send_after(
        &mut self,
        delay: Duration,
        recipient: ActorAddress,
        message: M,
    ) -> TimerHandle {
        let (shared, sender) = (Arc::clone(&self.shared), self.address);
        let due = Instant::now().checked_add(delay);
        self.time(async move {
            until(due).await;
            // What the system does not take any more is not sent.
            let _ = shared.send(Some(sender), recipient, message).await;
        })
    }

    /// Sends a message again and again, the first time after one period, until it is cancelled or this actor
    /// ends. Where it falls behind it leaves out some.
    ///
    /// # Panics
    /// If the period is zero.
    #[track_caller]
    pub fn send_every(
        &mut self,
        period: Duration,
        recipient: ActorAddress,
        message: M,
    ) -> TimerHandle {
        assert!(!period.is_zero(), "a period of 0: expected some time");
        let (shared, sender) = (Arc::clone(&self.shared), self.address);
        let due = Instant::now().checked_add(period);
        self.time(async move {
            let Some(first) = due else { return };
            let mut ticks = interval_at(first, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                if shared.send(Some(sender), recipient, message.clone()).await.is_err() {
                    return;
                }
            }
        })
    }

    fn time(&mut self, timer: impl Future<Output = ()> + Send + 'static) -> TimerHandle {
        let counted = Counted::new(&self.shared);
        let task = self.shared.runtime.spawn(async move {
            let _counted = counted;
            timer.await;
        });
        self.timers.retain(|timer| !timer.is_finished());
        self.timers.push(task.abort_handle());
        TimerHandle(task.abort_handle())
    }

    // ===== children =====

    /// Spawns a child: it is stopped when this actor ends, and may escalate its panics to it.
    ///
    /// # Errors
    /// The name is taken, or the system does not run.
    pub fn spawn<A: Actor<M, B>>(
        &self,
        name: impl Into<String>,
        actor: A,
    ) -> Result<ActorAddress, SpawnError> {
        let mut actor = Some(actor);
        let options = SpawnOptions::new().name(name);
        spawn(&self.shared, options, Some(self.address), move || actor.take())
    }

    /// Spawns a child that says more of itself. `make` makes it, and again for each restart.
    ///
    /// # Errors
    /// The name is taken, or the system does not run.
    pub fn spawn_with<A: Actor<M, B>>(
        &self,
        options: SpawnOptions,
        mut make: impl FnMut() -> A + Send + 'static,
    ) -> Result<ActorAddress, SpawnError> {
        spawn(&self.shared, options, Some(self.address), move || Some(make()))
    }

    /// Spawns a sync child. See [`ActorSystem::spawn_sync`](crate::ActorSystem::spawn_sync).
    ///
    /// # Errors
    /// The name is taken, the system does not run, or gives no thread.
    pub fn spawn_sync<S: SyncActor<M, B>>(
        &self,
        options: SpawnOptions,
        mut make: impl FnMut() -> S + Send + 'static,
    ) -> Result<ActorAddress, SpawnError> {
        let options = options.sync();
        spawn(&self.shared, options, Some(self.address), move || Some(Synchronous(make())))
    }
}

/// Waits until then; if that is never, for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// Waits for a future, as a thread.
fn wait<M, B, R>(shared: &Shared<M, B>, future: impl Future<Output = R>) -> R {
    match block_on(future, &shared.config.wait, None) {
        Some(output) => output,
        None => unreachable!("there is no deadline"),
    }
}

/// A task that the system waits for.
pub(crate) struct Counted<M, B>(Arc<Shared<M, B>>);

impl<M, B> Counted<M, B> {
    pub(crate) fn new(shared: &Arc<Shared<M, B>>) -> Self {
        shared.tasks.begin();
        Self(Arc::clone(shared))
    }
}

impl<M, B> Drop for Counted<M, B> {
    fn drop(&mut self) {
        self.0.tasks.end();
    }
}

impl<M, B> fmt::Debug for ActorContext<M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ActorContext");
        shown.field("address", &self.address).field("name", &self.name).finish_non_exhaustive()
    }
}
