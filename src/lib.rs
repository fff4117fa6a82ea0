#![doc = include_str!("../README.md")]

mod bus;
mod ring;
mod router;
mod sync;
mod wait;

pub use bus::{
    Batch, BatchIter, BuildError, Bus, BusBuilder, BusStats, Closed, PublishBatchError,
    PublishError, PublishTimeoutError, Publisher, RecvError, RecvTimeoutError, Start,
    SubscribeError, Subscriber, SubscriberBuilder, SubscriberId, SubscriberStats, TryPublishError,
    TryPublishWithError, TryRecvError,
};
pub use ring::cursor::Overflow;
pub use router::{
    All, ByRef, ByValue, Drain, Filter, Group, GroupBuilder, Handler, HandlerBuilder,
    HandlerHandle, HandlerId, HandlerReport, HandlerStats, Key, OnPanic, Outcome, PanicReport, Pin,
    Pinned, Report, Router, RouterBuilder, RouterError, RouterStats, Select, Spread, Stuck,
    ThreadStats, Topic, Upstream,
};
pub use wait::strategy::{Step, Wait, WaitStrategy};
