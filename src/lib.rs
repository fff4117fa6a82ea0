#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(clippy::needless_doctest_main, reason = "the README has whole programs, to be pasted")]

#[cfg(feature = "actors")]
mod actor;
#[cfg(any(feature = "actors", feature = "remote"))]
mod backoff;
#[cfg(feature = "broker")]
mod broker;
mod bus;
#[cfg(feature = "codec")]
mod codec;
#[cfg(feature = "broker")]
mod envelope;
#[cfg(feature = "broker")]
mod hook;
#[cfg(feature = "inspect")]
pub mod inspect;
#[cfg(feature = "journal")]
mod journal;
#[cfg(feature = "remote")]
mod remote;
mod ring;
mod router;
mod sync;
mod wait;

#[cfg(all(stentor_loom, feature = "actors"))]
#[doc(hidden)]
pub use actor::model;
#[cfg(feature = "actors")]
pub use actor::{
    Actor, ActorContext, ActorEvent, ActorEventKind, ActorMetrics, ActorPanic, ActorRegistry,
    ActorReport, ActorSystem, AskError, Budget, ForeignRecipients, HandlingTime, MailboxError,
    MailboxPolicy, MailboxSender, RouteOn, SendError, SpawnError, SpawnOptions, StopCause,
    Supervision, SyncActor, SystemConfig, SystemError, SystemMetrics, SystemReport, SystemState,
    Terminated, TimerHandle,
};
#[cfg(all(feature = "actors", feature = "testing"))]
pub use actor::{DeadLetterProbe, ManualTime, Probe};
#[cfg(any(feature = "actors", feature = "remote"))]
pub use backoff::Backoff;
#[cfg(feature = "testing")]
pub use broker::conformance;
#[cfg(feature = "broker")]
pub use broker::{
    BoxError, BoxFuture, BrokerBuilder, BrokerConfig, BrokerError, BrokerMetrics, Clock,
    ConfigError, DeadLetter, DeadLetterCounts, DeadLetterReason, DynMessageBroker,
    InMemoryMessageBroker, LocalBroker, Message, MessageBroker, MessageStream, MockMessageBroker,
    PendingRequest, Rejection, RequestError, RequestMetrics, SubscribeOptions, Timer,
};
#[cfg(feature = "remote")]
pub use broker::{ConnectionState, LinkedBroker};
pub use bus::{
    Batch, BatchIter, BuildError, Bus, BusBuilder, BusStats, Closed, PublishBatchError,
    PublishError, PublishTimeoutError, Publisher, RecvError, RecvTimeoutError, Start,
    SubscribeError, Subscriber, SubscriberBuilder, SubscriberId, SubscriberStats, TryPublishError,
    TryPublishWithError, TryRecvError, Upstream,
};
#[cfg(feature = "json")]
pub use codec::Json;
#[cfg(feature = "codec")]
pub use codec::{Codec, CodecError, Postcard, WireError, decode_frame, encode_frame};
#[cfg(feature = "broker")]
pub use envelope::{
    ActorAddress, CorrelationId, InvalidId, InvalidTopic, InvalidTraceContext, MessageEnvelope,
    MessageHeader, MessageId, MessageMetadata, Origin, Timestamp, Topic, TopicPattern,
    TraceContext, Ttl,
};
#[cfg(feature = "metrics")]
pub use hook::Metrics;
#[cfg(feature = "rate-limit")]
pub use hook::RateLimit;
#[cfg(feature = "tracing")]
pub use hook::Tracing;
#[cfg(feature = "circuit-breaker")]
pub use hook::{CircuitBreaker, CircuitState};
#[cfg(feature = "broker")]
pub use hook::{Hook, Outcome};
#[cfg(feature = "persist")]
pub use hook::{MessageLog, Persist, RingJournal};
#[cfg(feature = "journal")]
pub use journal::{
    CutOff, DeadLetterStage, Durability, Follow, Journal, JournalConfig, JournalError,
    JournalReader, JournalRecord, JournalStage, JournalStats, Journalled, MessageState, OnFailure,
    PublishDurableError, Receipt, Records, Recovery, Replay, ReplayError, ReplayQuery,
    RequeueError, Retention, SegmentInfo, StageBuilder, StageStats, Verification, cut_journal,
    verify_journal,
};
#[cfg(feature = "remote")]
pub use remote::{
    AckedStream, Bridge, BridgeBuilder, BridgeDrops, BridgeError, BridgePolicy, BridgeReport,
    BridgeStats, Delivery, EntryId, Outage, Published, RemoteBroker, RemoteBuilder, RemoteConfig,
    RemoteError, RemoteMetrics, RemoteSubscribe, ReplayFrom, Undecodable,
};
#[cfg(feature = "nats")]
pub use remote::{JetStream, NatsBuilder, NatsMessageBroker};
#[cfg(feature = "redis")]
pub use remote::{RedisBuilder, RedisMessageBroker, RedisStreams};
pub use ring::cursor::Overflow;
pub use router::{
    All, ByRef, ByValue, Drain, Fate, Filter, Group, GroupBuilder, Handler, HandlerBuilder,
    HandlerHandle, HandlerId, HandlerReport, HandlerStats, Key, Narrowed, OnPanic, PanicReport,
    Pin, Pinned, Report, Router, RouterBuilder, RouterError, RouterStats, Select, Spread, Stuck,
    ThreadStats,
};
pub use wait::strategy::{Step, Wait, WaitStrategy};
