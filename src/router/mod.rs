//! Floor 4: threads that poll subscriptions where they were put, and call handlers.
//!
//! | part | what it is |
//! |---|---|
//! | `router`, `builder` | the router itself: its threads, and where handlers are put |
//! | `options`, `handle` | one handler: what it may decide, and what is left in the user's hand |
//! | `worker` | the loop of a router thread |
//! | `work`, `select` | what the loop calls: a subscription and the user's code |
//! | `group`, `membership`, `member`, `share` | handlers that share the messages between them |
//! | `station`, `record`, `meter` | what threads and handlers tell the others |
//! | `stats`, `report`, `watchdog`, `pin` | what people get to see of it, and the cores |

mod builder;
mod error;
mod group;
mod handle;
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
mod station;
mod stats;
mod watchdog;
mod work;
mod worker;

pub use self::builder::RouterBuilder;
pub use self::error::RouterError;
pub use self::group::{ByRef, ByValue, Group, GroupBuilder, Key, Spread};
pub use self::handle::{HandlerHandle, Upstream};
pub use self::options::HandlerBuilder;
pub use self::pin::{Pin, Pinned};
pub use self::record::HandlerId;
pub use self::report::{Drain, HandlerReport, OnPanic, Outcome, PanicReport, Report};
pub use self::router::Router;
pub use self::select::{All, Filter, Select, Topic};
pub use self::stats::{HandlerStats, RouterStats, ThreadStats};
pub use self::watchdog::Stuck;
pub use self::work::Handler;
