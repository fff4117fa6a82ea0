//! The system itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::actor::actor::{Actor, SyncActor, Synchronous};
use crate::actor::config::SystemConfig;
use crate::actor::context::ActorContext;
use crate::actor::error::{AskError, SendError, SpawnError, SystemError};
use crate::actor::event::ActorEvent;
use crate::actor::mailbox::Control;
use crate::actor::metrics::SystemMetrics;
use crate::actor::options::SpawnOptions;
use crate::actor::registry::{ActorRegistry, Watcher};
use crate::actor::report::{ActorReport, SystemReport};
use crate::actor::routing::Routing;
use crate::actor::run::run;
use crate::actor::shared::Shared;
use crate::actor::shutdown::Owner;
use crate::actor::supervision::Supervisor;
use crate::actor::tenant::Tenant;
use crate::broker::{DeadLetter, DeadLetters, Message, MessageBroker, MessageStream};
use crate::bus::Subscriber;
use crate::envelope::{ActorAddress, MessageEnvelope};
use crate::ring::cursor::Overflow;
use crate::router::Drain;

/// Where a system is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SystemState {
    /// It is about to route.
    Starting,
    /// It routes, and takes sends and spawns.
    Running,
    /// It takes no more, and handles what is there.
    ShuttingDown,
    /// It has ended.
    Stopped,
}

impl fmt::Display for SystemState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::ShuttingDown => "shutting down",
            Self::Stopped => "stopped",
        })
    }
}

/// Actors, and what brings them their messages: it subscribes to a broker and routes what is published there to
/// the mailbox of its recipient. Clones are the same system.
///
/// Messages of one sender to one recipient arrive in the order in which they were sent. Every message that
/// is sent is handled, or becomes a dead letter with a reason, or comes back to its sender in the error.
///
/// When the last handle is dropped, its actors are stopped and its routers end; to have what was sent handled
/// before, [`shutdown`](Self::shutdown). The broker is left as it is.
///
/// ```
/// use std::time::Duration;
/// use stentor::{Actor, ActorContext, ActorSystem, Drain, InMemoryMessageBroker, MessageBroker};
/// use stentor::{MessageEnvelope, SystemConfig};
///
/// struct Doubler;
///
/// impl<B: MessageBroker<u64>> Actor<u64, B> for Doubler {
///     async fn handle(&mut self, envelope: MessageEnvelope<u64>, ctx: &mut ActorContext<u64, B>) {
///         let _ = ctx.reply(&envelope, envelope.message * 2).await;
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let broker = InMemoryMessageBroker::<u64>::builder().build();
/// let system = ActorSystem::new(SystemConfig::default(), broker).await.unwrap();
/// let doubler = system.spawn("doubler", Doubler).unwrap();
/// let reply = system.request::<u64>(doubler, 21, Duration::from_secs(60)).await.unwrap();
/// assert_eq!(reply.message, 42);
/// let report = system.shutdown(Drain::Within(Duration::from_secs(60))).await;
/// assert_eq!(report.actor("doubler").unwrap().handled, 1);
/// # }
/// ```
pub struct ActorSystem<M: Message, B: MessageBroker<M>> {
    pub(crate) shared: Arc<Shared<M, B>>,
    pub(crate) owner: Arc<Owner<M, B>>,
}

impl<M: Message, B: MessageBroker<M>> ActorSystem<M, B> {
    /// Subscribes to the broker and starts the routers. What is published from then on is routed. Actors will
    /// be tasks of the tokio runtime that this is called on.
    ///
    /// # Errors
    /// The configuration has a value that cannot be, there is no runtime, a thread cannot be started, or the
    /// broker does not let it subscribe.
    pub async fn new(config: SystemConfig, broker: B) -> Result<Self, SystemError<B::Error>> {
        if let Some((field, value, expected)) = config.fault() {
            return Err(SystemError::Config { field, value, expected });
        }
        let runtime = Handle::try_current().map_err(|_| SystemError::NoRuntime)?;
        let dead_letters = match broker.local() {
            Some(_) => None,
            None => DeadLetters::new(config.events, DEAD_LETTER_LOGS).ok(),
        };
        let shared = Arc::new(Shared::new(broker, config, runtime, dead_letters));
        let routing = Routing::start(&shared).await?;
        let owner = Arc::new(Owner::new(&shared, routing));
        shared.state.send_replace(SystemState::Running);
        Ok(Self { shared, owner })
    }

    // ===== actors =====

    /// Spawns an actor, which is stopped if it panics. It can be sent to at once.
    ///
    /// # Errors
    /// The name is taken, or the system does not run.
    pub fn spawn<A: Actor<M, B>>(
        &self,
        name: impl Into<String>,
        actor: A,
    ) -> Result<ActorAddress, SpawnError> {
        let mut actor = Some(actor);
        spawn(&self.shared, SpawnOptions::new().name(name), None, move || actor.take())
    }

    /// Spawns an actor that says more of itself. `make` makes it, and again for each restart.
    ///
    /// # Errors
    /// The name is taken, or the system does not run.
    pub fn spawn_with<A: Actor<M, B>>(
        &self,
        options: SpawnOptions,
        mut make: impl FnMut() -> A + Send + 'static,
    ) -> Result<ActorAddress, SpawnError> {
        spawn(&self.shared, options, None, move || Some(make()))
    }

    /// Spawns a sync actor, which a thread of the system's drives: see
    /// [`SystemConfig::sync_threads`](crate::SystemConfig::sync_threads).
    ///
    /// # Errors
    /// The name is taken, the system does not run, or gives no thread.
    pub fn spawn_sync<S: SyncActor<M, B>>(
        &self,
        options: SpawnOptions,
        mut make: impl FnMut() -> S + Send + 'static,
    ) -> Result<ActorAddress, SpawnError> {
        spawn(&self.shared, options.sync(), None, move || Some(Synchronous(make())))
    }

    /// Stops an actor after the message that it handles; what is left in its mailbox becomes dead letters. The
    /// actor is told at once, also if the future is dropped; the future is ready when it has ended, with
    /// `None` if it had before, or is not of this system.
    pub fn stop(
        &self,
        address: ActorAddress,
    ) -> impl Future<Output = Option<ActorReport>> + Send + use<M, B> {
        let (waiter, ended) = oneshot::channel();
        let watcher = Watcher::Waiter(waiter);
        self.shared.registry.life(address, |life| life.watchers.push(watcher));
        self.shared.registry.tell(address, Control::Stop);
        async move { ended.await.ok() }
    }

    /// The addresses of its actors.
    pub fn registry(&self) -> &ActorRegistry<M> {
        &self.shared.registry
    }

    // ===== messages =====

    /// Sends a message from outside: it has no sender. See [`ActorContext::send`].
    ///
    /// # Errors
    /// It was not sent; the error says why, and has it.
    #[inline]
    pub fn send(
        &self,
        recipient: ActorAddress,
        message: M,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        self.shared.send(None, recipient, message)
    }

    /// Publishes an envelope as it is, unless the system is shut down.
    ///
    /// # Errors
    /// It was not published; the error says why, and has it.
    pub fn publish(
        &self,
        envelope: MessageEnvelope<M>,
    ) -> impl Future<Output = Result<(), SendError<M, B::Error>>> + Send {
        self.shared.publish(envelope)
    }

    /// Sends a request from outside and waits for its reply. See [`ActorContext::request`].
    ///
    /// # Errors
    /// It was not answered; the error says why, and has the request.
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
        self.shared.request(None, recipient, message, timeout)
    }

    // ===== looking on =====

    /// Where it is in its life.
    pub fn state(&self) -> SystemState {
        self.shared.state()
    }

    /// Waits until it is in this state, or a later one.
    pub async fn reached(&self, state: SystemState) {
        let mut states = self.shared.state.subscribe();
        // It does not go away while we have it.
        let _ = states.wait_for(|now| *now >= state).await;
    }

    /// The broker.
    pub fn broker(&self) -> &B {
        &self.shared.broker
    }

    /// All messages from now on, for one who looks on and may be slow: it then loses the oldest (on brokers of
    /// other processes as their streams do).
    ///
    /// # Errors
    /// The broker does not let it subscribe.
    pub async fn monitor(&self) -> Result<MessageStream<M>, B::Error> {
        if let Some(local) = self.shared.broker.local() {
            let subscriber = local.bus().subscriber().name("monitor");
            let subscriber = subscriber.overflow(Overflow::DropOldest).subscribe();
            return Ok(MessageStream::from_stream(subscriber));
        }
        self.audit().await
    }

    /// All messages from now on, none lost: while its reader is a whole ring behind, senders wait.
    ///
    /// # Errors
    /// The broker does not let it subscribe.
    pub async fn audit(&self) -> Result<MessageStream<M>, B::Error> {
        self.shared.broker.subscribe().await
    }

    /// The dead letters from now on: the broker's, if it is of this process, else the system's.
    pub fn dead_letters(&self) -> Subscriber<DeadLetter<M>> {
        match (self.shared.broker.local(), &self.shared.dead_letters) {
            (None, Some(own)) => own.subscribe(),
            (Some(local), _) => local.dead_letters(),
            (None, None) => unreachable!("one of the two has dead letters"),
        }
    }

    /// What happens to actors from now on. A listener that is slow loses the oldest, and is told how many.
    pub fn events(&self) -> Subscriber<ActorEvent> {
        self.shared.events.subscriber().overflow(Overflow::DropOldest).subscribe()
    }

    /// How it and its actors are doing. Takes the lock of each mailbox for a moment.
    pub fn metrics(&self) -> SystemMetrics {
        self.shared.metrics(usize::MAX)
    }

    // ===== the end =====

    /// Shuts the system down: takes no more sends (they come back with their message), routes what was sent,
    /// lets the actors handle it and run `on_stop`, and ends the routers. With
    /// [`Drain::Within`], what is not handled in that time becomes dead letters, and actors that do not end
    /// are dropped in the middle of their handlers; with [`Drain::No`], at once.
    ///
    /// While it drains, replies to requests still reach their callers. Requests that wait for their reply are
    /// waited for; when the time is over, for the [farewell](SystemConfig::farewell) more, as are sends that wait for
    /// room on the broker: one that finds it still later is routed to nobody. An actor that waits for the shutdown
    /// of its own system in a handler waits for itself. Called again, or by several at a time, all get the same report. The broker goes on.
    ///
    /// # Cancel safety
    /// Once begun, it goes on also if the future is dropped.
    pub async fn shutdown(&self, drain: Drain) -> Arc<SystemReport> {
        self.owner.shut_down(drain).await
    }
}

/// As [`BrokerConfig::dead_letter_logs`](crate::BrokerConfig::dead_letter_logs) unless said.
const DEAD_LETTER_LOGS: u32 = 10;

/// Spawns an actor.
pub(crate) fn spawn<A, M, B>(
    shared: &Arc<Shared<M, B>>,
    options: SpawnOptions,
    parent: Option<ActorAddress>,
    make: impl FnMut() -> Option<A> + Send + 'static,
) -> Result<ActorAddress, SpawnError>
where
    A: Actor<M, B>,
    M: Message,
    B: MessageBroker<M>,
{
    let Some(_permit) = shared.gate.enter(0) else {
        return Err(SpawnError::NotRunning(shared.state()));
    };
    let runtime = if options.is_sync || options.thread.is_some() {
        shared.crew.runtime(options.thread).map_err(SpawnError::Thread)?
    } else {
        shared.runtime.clone()
    };
    let SpawnOptions { name, capacity, policy, supervision, keep_mailbox, .. } = options;
    let name = name.map(Arc::<str>::from);
    let capacity = capacity.unwrap_or(shared.config.mailbox_capacity);
    let policy = policy.unwrap_or(shared.config.mailbox_policy);
    let address = shared.registry.move_in(name.clone(), parent, capacity, policy)?;
    shared.spawned.add(1);
    let tenant = Tenant::new(ActorContext::new(Arc::clone(shared), address, name));
    if let Some(parent) = parent {
        shared.registry.life(parent, |life| life.children.push(address));
    }
    let task = runtime.spawn(run(tenant, make, Supervisor::new(supervision), keep_mailbox));
    shared.registry.life(address, |life| life.task = Some(task.abort_handle()));
    if shared.state() == SystemState::Stopped {
        // The last handle was dropped meanwhile, and may not have found this actor.
        shared.registry.tell(address, Control::Stop);
    }
    Ok(address)
}

impl<M: Message, B: MessageBroker<M>> Clone for ActorSystem<M, B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), owner: Arc::clone(&self.owner) }
    }
}

impl<M: Message, B: MessageBroker<M>> fmt::Debug for ActorSystem<M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ActorSystem");
        shown.field("state", &self.state()).field("actors", &self.shared.registry.len());
        shown.finish_non_exhaustive()
    }
}
