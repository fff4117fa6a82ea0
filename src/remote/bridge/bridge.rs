//! The handle of a bridge.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::broker::ConnectionState;
use crate::broker::{InMemoryMessageBroker, Message, MessageBroker};
use crate::bus::{Bus, SubscriberId};
use crate::hook::Hook;
use crate::remote::bridge::builder::BridgeBuilder;
use crate::remote::bridge::counts::Counts;
use crate::remote::bridge::stats::{BridgeReport, BridgeStats};

/// Joins a broker of this process to one beyond it, so that those on both sides are one bus, as far as the patterns
/// go, while what is published here is still delivered here by the ring, at its latency, before it goes anywhere.
///
/// The remote broker is any [`MessageBroker`]: NATS with or without JetStream, Redis Pub/Sub or Streams, another. The
/// bridge subscribes to the ring, and what it reads there and is to be exported it publishes at the remote broker,
/// in order, many messages at a time. What it imports it publishes into the ring; while there is no room it takes no
/// more from the remote broker's stream, whose own policy then holds.
///
/// **No loops.** What is exported is tagged with its ring ([`Origin`](crate::Origin)), over the wire as well. A
/// message that comes back to the ring it is from is dropped, and what has been imported is never exported again, by
/// no bridge. So rings that are to hear each other must be joined to the same remote broker, and two bridges of one
/// ring to one remote broker must not share patterns, or all of them comes twice.
///
/// **Order.** Messages of one publisher keep it, but for requests, which may be overtaken. (Where many are in flight,
/// and others publish at the same remote broker so much that its client has no room, they may not: give the bridge
/// a connection of its own.) After an outage a message
/// that is published again may come behind those that were in flight with it and got through, on NATS with
/// JetStream or `flush_each`: [`in_flight(1)`](BridgeBuilder::in_flight) keeps the order there as well.
///
/// **Outages.** What was not published is tried again until it is, and what waits behind it waits in the ring: see
/// [`BridgePolicy`](crate::BridgePolicy). NATS without JetStream or `flush_each` takes a message as published when
/// it is in the client, so what is there when the connection breaks is lost, and counted nowhere.
///
/// **Requests.** A request whose caller waits here is asked beyond as well, if it is to be exported, and the first
/// reply comes back, whatever its topic. The reply to a request that was imported goes back to where it came from,
/// whatever its topic. It is found by the correlation id, of which there are no two in any processes; `reply_to`
/// and `sender` are addresses, likewise unique, and travel as they are: whoever replies uses
/// [`MessageEnvelope::reply`](crate::MessageEnvelope::reply), as in one process.
///
/// **Its end.** [`shutdown`](Self::shutdown) exports what was published before, and reports. Dropping it ends it at
/// once. It holds a handle of both brokers as long as it runs, and ends by itself when one of them is closed.
///
/// With the feature `metrics` its numbers go to that facade as well: `stentor_bridge_exported_total`, `_imported_total`,
/// `_answered_total`, `_retries_total`, `_dropped_total` by `reason`, and the gauges `_in_flight` and `_asking`, all
/// with the label `bridge`. Install the exporter before it is started.
///
/// ```
/// use std::time::Duration;
/// use stentor::{Bridge, InMemoryMessageBroker, MessageBroker, MessageEnvelope, Topic};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// // In earnest the remote one is a `NatsMessageBroker`, say, and the rings are in two processes.
/// let remote = InMemoryMessageBroker::<&str>::builder().build();
/// let (shop, office) =
///     (InMemoryMessageBroker::builder().build(), InMemoryMessageBroker::builder().build());
/// let exports = Bridge::builder(shop.clone(), remote.clone()).export("orders.>").start().await.unwrap();
/// let imports = Bridge::builder(office.clone(), remote.clone()).import("orders.>").start().await.unwrap();
///
/// let mut orders = office.subscribe().await.unwrap();
/// let order = MessageEnvelope::new("three apples").with_topic(Topic::new("orders.eu").unwrap());
/// shop.publish(order).await.unwrap();
/// assert_eq!(orders.recv().await.unwrap().message, "three apples");
///
/// let report = exports.shutdown(Duration::from_secs(5)).await;
/// assert!(report.drained);
/// assert_eq!((report.stats.exported, imports.stats().imported), (1, 1));
/// # });
/// ```
#[must_use = "dropping a bridge ends it"]
pub struct Bridge {
    name: String,
    stop: watch::Sender<bool>,
    /// The exporter and the importer.
    tasks: [JoinHandle<()>; 2],
    counts: Arc<Counts>,
    lag: Lag,
    state: Option<watch::Receiver<ConnectionState>>,
}

impl Bridge {
    /// A bridge between these two, with what is chosen of it.
    pub fn builder<M, H, R>(local: InMemoryMessageBroker<M, H>, remote: R) -> BridgeBuilder<M, H, R>
    where
        M: Message,
        H: Hook<M>,
        R: MessageBroker<M>,
    {
        BridgeBuilder::new(local, remote)
    }

    pub(crate) fn new(
        name: String,
        stop: watch::Sender<bool>,
        tasks: [JoinHandle<()>; 2],
        counts: Arc<Counts>,
        lag: Lag,
        state: Option<watch::Receiver<ConnectionState>>,
    ) -> Self {
        Self { name, stop, tasks, counts, lag, state }
    }

    /// How it is doing. Takes the lock of subscribing to the ring, never one of publishing.
    pub fn stats(&self) -> BridgeStats {
        BridgeStats {
            lag: self.lag.get(),
            remote: self.state.as_ref().map(|state| *state.borrow()),
            running: !self.tasks.iter().any(JoinHandle::is_finished),
            ..self.counts.read()
        }
    }

    /// Ends it, in order: nothing is imported any more, but for replies; what was published here before is exported,
    /// and requests that wait get their replies or time out. After `limit` it ends in any case. Its tasks have ended
    /// then.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it ends the bridge at once.
    pub async fn shutdown(mut self, limit: Duration) -> BridgeReport {
        self.stop.send_replace(true);
        let deadline = Instant::now() + limit;
        let mut drained = true;
        for task in &mut self.tasks {
            drained &= matches!(tokio::time::timeout_at(deadline, task).await, Ok(Ok(())));
        }
        let stats = self.stats();
        let left = stats.lag + (stats.in_flight + stats.asking) as u64;
        self.abort();
        for task in self.tasks.iter_mut().filter(|task| !task.is_finished()) {
            // It was aborted.
            let _ = task.await;
        }
        BridgeReport { drained, left, stats: BridgeStats { running: false, ..stats } }
    }

    fn abort(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.abort();
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").field("name", &self.name).field("stats", &self.stats()).finish()
    }
}

/// How far a bridge is behind in the ring.
pub(crate) struct Lag(Box<dyn Fn() -> u64 + Send + Sync>);

impl Lag {
    pub(crate) fn new<T: Send + Sync + 'static>(bus: Bus<T>, id: SubscriberId) -> Self {
        Self(Box::new(move || {
            let subscribers = bus.stats().subscribers;
            subscribers.iter().find(|subscriber| subscriber.id == id).map_or(0, |it| it.lag)
        }))
    }

    fn get(&self) -> u64 {
        (self.0)()
    }
}
