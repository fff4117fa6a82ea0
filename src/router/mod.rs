//! Floor 4: threads that poll subscriptions where they were put, and call handlers.
//!
//! | part | what it is |
//! |---|---|
//! | `router`, `builder`, `shared` | the router itself: its threads, and where handlers are put |
//! | `options`, `handle` | one handler: what it may decide, and what is left in the user's hand |
//! | `worker` | the loop of a router thread |
//! | `work`, `batched`, `select` | what the loop calls: a subscription and the user's code |
//! | `group`, `key`, `membership`, `member`, `share` | handlers that share the messages between them |
//! | `station`, `record`, `meter` | what threads and handlers tell the others |
//! | `stats`, `report`, `watchdog`, `pin` | what people get to see of it, and the cores |

mod batched;
mod builder;
mod error;
mod group;
mod handle;
mod key;
mod member;
mod membership;
mod meter;
mod options;
mod pin;
mod record;
mod report;
#[expect(clippy::module_inception, reason = "the router is what this floor is named after")]
mod router;
mod select;
mod share;
mod shared;
mod station;
mod stats;
mod watchdog;
mod work;
mod worker;

pub use self::builder::RouterBuilder;
pub use self::error::RouterError;
pub use self::group::{Group, GroupBuilder};
pub use self::handle::HandlerHandle;
pub use self::key::{ByRef, ByValue, Key, Spread};
pub use self::options::HandlerBuilder;
#[cfg(feature = "actors")]
pub(crate) use self::pin::Plan;
pub use self::pin::{Pin, Pinned};
pub use self::record::HandlerId;
pub use self::report::{Drain, Fate, HandlerReport, OnPanic, PanicReport, Report};
pub use self::router::Router;
pub use self::select::{All, Filter, Narrowed, Select};
pub use self::stats::{HandlerStats, RouterStats, ThreadStats};
pub use self::watchdog::Stuck;
pub use self::work::Handler;
