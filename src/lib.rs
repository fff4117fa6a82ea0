#![doc = include_str!("../README.md")]

mod bus;
mod ring;
mod sync;
mod wait;

pub use bus::{
    Batch, BatchIter, BuildError, Bus, BusBuilder, BusStats, Closed, PublishBatchError,
    PublishError, PublishTimeoutError, Publisher, RecvError, RecvTimeoutError, Start,
    SubscribeError, Subscriber, SubscriberBuilder, SubscriberId, SubscriberStats, TryPublishError,
    TryPublishWithError, TryRecvError,
};
pub use ring::cursor::Overflow;
pub use wait::strategy::{Step, Wait, WaitStrategy};
