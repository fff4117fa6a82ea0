//! Floor 3: the public handles.

mod asynch;
mod batch;
mod batching;
mod blocking;
mod builder;
#[expect(clippy::module_inception, reason = "the bus is what this floor is named after")]
mod bus;
pub(crate) mod core;
mod error;
mod publisher;
mod stats;
mod subscriber;
pub(crate) mod upstream;

#[cfg(feature = "broker")]
pub(crate) use self::asynch::RoomWait;
pub use self::batch::{Batch, BatchIter};
pub use self::builder::{BusBuilder, Start, SubscriberBuilder};
pub use self::bus::Bus;
pub use self::error::{
    BuildError, Closed, PublishBatchError, PublishError, PublishTimeoutError, RecvError,
    RecvTimeoutError, SubscribeError, TryPublishError, TryPublishWithError, TryRecvError,
};
pub use self::publisher::Publisher;
pub use self::stats::{BusStats, SubscriberId, SubscriberStats};
pub use self::subscriber::Subscriber;
pub use self::upstream::Upstream;
