//! Floor 7: actors. The broker transports, the registry maps addresses to mailboxes, the system subscribes
//! and routes, the context publishes. Knows routers and the broker trait, and not which broker it runs on.
//!
//! | part | what it is |
//! |---|---|
//! | `actor`, `context` | what users write, and what it is handed |
//! | `config`, `options` | what can be chosen of a system, and of an actor |
//! | `registry`, `slab`, `mailbox`, `sender` | addresses, and the mailboxes they lead to |
//! | `gate` | sends against shutdown |
//! | `shard`, `routing` | from the broker to the mailboxes |
//! | `tenant`, `run`, `pooled`, `supervision`, `timer`, `pinned` | an actor's life |
//! | `shared`, `tasks`, `system`, `shutdown` | the system itself |
//! | `probe` | the test kit |
//! | `error`, `event`, `meter`, `metrics`, `report` | what people get to see of it |

#[expect(clippy::module_inception, reason = "the trait is what this floor is named after")]
mod actor;
mod config;
mod context;
mod error;
mod event;
mod gate;
mod looking;
mod mailbox;
mod meter;
mod metrics;
#[cfg(stentor_loom)]
pub mod model;
mod options;
mod pinned;
mod pooled;
#[cfg(feature = "testing")]
mod probe;
mod registry;
mod report;
mod routing;
mod run;
mod sender;
mod shard;
mod shared;
mod shutdown;
mod slab;
mod supervision;
mod system;
mod tasks;
mod tenant;
mod timer;

pub use self::actor::{Actor, ActorPanic, SyncActor, Terminated};
pub use self::config::{ForeignRecipients, RouteOn, SystemConfig};
pub use self::context::ActorContext;
pub use self::error::{AskError, SendError, SpawnError, SystemError};
pub use self::event::{ActorEvent, ActorEventKind};
pub use self::mailbox::MailboxPolicy;
pub use self::metrics::{ActorMetrics, HandlingTime, SystemMetrics};
pub use self::options::{Budget, SpawnOptions, Supervision};
#[cfg(feature = "testing")]
pub use self::probe::{DeadLetterProbe, ManualTime, Probe};
pub use self::registry::ActorRegistry;
pub use self::report::{ActorReport, StopCause, SystemReport};
pub use self::sender::{MailboxError, MailboxSender};
pub use self::system::{ActorSystem, SystemState};
pub use self::timer::TimerHandle;
