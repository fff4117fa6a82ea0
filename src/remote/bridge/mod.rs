//! Joins a broker of this process to one beyond it: see [`Bridge`].
//!
//! Two tasks. The exporter subscribes to the ring and publishes at the remote broker, many messages at a time; the
//! importer subscribes at the remote broker and publishes into the ring. The importer alone publishes there, also
//! the replies that the exporter gets, for the exporter must never wait for room in the ring: it makes it.

#[expect(clippy::module_inception, reason = "the handle is what this folder is named after")]
mod bridge;
mod builder;
mod carried;
mod counts;
mod error;
mod exporter;
mod importer;
mod intake;
mod patterns;
mod policy;
mod recent;
mod stats;
mod verdict;
mod window;

pub use self::bridge::Bridge;
pub use self::builder::BridgeBuilder;
pub use self::error::BridgeError;
pub use self::policy::BridgePolicy;
pub use self::stats::{BridgeDrops, BridgeReport, BridgeStats};
