//! What can be chosen of a system, and what is chosen unless said: in one place.

use std::time::Duration;

use crate::actor::mailbox::MailboxPolicy;
use crate::router::Pin;
use crate::wait::strategy::WaitStrategy;

/// What can be chosen of an [`ActorSystem`](crate::ActorSystem).
///
/// ```
/// use stentor::SystemConfig;
///
/// let config = SystemConfig { routers: 2, ..SystemConfig::default() };
/// assert_eq!(config.mailbox_capacity, 1024);
/// ```
#[derive(Clone, Debug)]
pub struct SystemConfig {
    /// What its threads are called. `actors` unless said.
    pub name: String,
    /// How many routers share the recipients between them. 1 unless said.
    pub routers: usize,
    /// What the routers run on where the broker is of this process; on any other they are tasks.
    /// [`RouteOn::Tasks`] unless said.
    pub route_on: RouteOn,
    /// The cores that router threads run on. Wherever the scheduler puts them unless said.
    pub pin: Pin,
    /// What router threads do while there is nothing to route. [`WaitStrategy::Adaptive`] unless said.
    pub wait: WaitStrategy,
    /// How many threads drive the [`SyncActor`](crate::SyncActor)s. They are started with the first of
    /// those. 1 unless said.
    pub sync_threads: usize,
    /// The cores that these threads run on. Wherever the scheduler puts them unless said.
    pub sync_pin: Pin,
    /// How many messages a mailbox holds, unless the actor's options say otherwise. 1,024 unless said. The
    /// memory is taken as messages come.
    pub mailbox_capacity: usize,
    /// What happens to messages for a full mailbox, unless the actor's options say otherwise.
    /// [`MailboxPolicy::Backpressure`] for 100 ms unless said.
    pub mailbox_policy: MailboxPolicy,
    /// How many messages an actor handles in a row before its task lets others run. 64 unless said.
    pub budget: u32,
    /// What happens to messages for recipients that are not of this system.
    pub foreign_recipients: ForeignRecipients,
    /// How many [events](crate::ActorSystem::events), and, on brokers of other processes, how many dead letters,
    /// a listener may be behind before it loses the oldest; rounded up to a power of two. 1,024 unless said.
    pub events: usize,
    /// How long a system that is shut down waits, once its time is over, for actors that were told to end
    /// at once, before it drops those that can be dropped. 100 ms unless said.
    pub farewell: Duration,
}

impl Default for SystemConfig {
    fn default() -> Self {
        Self {
            name: "actors".to_owned(),
            routers: 1,
            route_on: RouteOn::default(),
            pin: Pin::No,
            wait: WaitStrategy::default(),
            sync_threads: 1,
            sync_pin: Pin::No,
            mailbox_capacity: 1024,
            mailbox_policy: MailboxPolicy::default(),
            budget: 64,
            foreign_recipients: ForeignRecipients::default(),
            events: 1024,
            farewell: Duration::from_millis(100),
        }
    }
}

impl SystemConfig {
    /// The first field with a value that cannot be, the value, and what was expected.
    pub(crate) fn fault(&self) -> Option<(&'static str, usize, &'static str)> {
        let at_least_one = [
            ("routers", self.routers),
            ("sync_threads", self.sync_threads),
            ("mailbox_capacity", self.mailbox_capacity),
            ("budget", self.budget as usize),
            ("events", self.events),
        ];
        let zero = at_least_one.into_iter().find(|(_, value)| *value == 0);
        zero.map(|(field, value)| (field, value, "at least 1"))
    }
}

/// What the routers of a system run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteOn {
    /// Tasks of tokio's, beside the actors: a message need not go to another thread and back. Something that blocks
    /// all of its workers keeps messages from being routed.
    ///
    /// On two virtual cores an ask that has nothing beside it takes 0.8 us this way and 6 to 9 us by threads, which
    /// have gone to sleep when it comes. Messages that come in numbers are routed as fast either way.
    #[default]
    Tasks,
    /// Threads of their own, which may be [pinned](SystemConfig::pin).
    Threads,
}

/// What a system does with messages whose recipient is not one of its own addresses.
///
/// Replies to requests, which the broker brings to their callers, and messages with a topic and no recipient,
/// which are for whoever subscribes, are passed over in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignRecipients {
    /// They are dead letters where the broker is of this process, and passed over where it is not.
    #[default]
    Auto,
    /// They are dead letters: nobody but this system handles messages here.
    DeadLetter,
    /// They are passed over: another system, or another process, will have them.
    PassOver,
}
