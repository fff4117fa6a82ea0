//! Stentor's broker with a bridge: what that costs the ring. What the bridge has to export, it may lose.

use std::{marker::PhantomData, sync::Arc};

use stentor::{
    Bridge, BridgeBuilder, InMemoryMessageBroker, MessageBroker, MessageEnvelope,
    NatsMessageBroker, Subscriber,
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    contract::{Open, Publish, Topology},
    entry::Entry,
    remote::{Backend, Server},
    workload::{CAPACITY, Message},
};

/// The entries of the bridge; to compare them with `stentor-broker`.
pub fn entries() -> Vec<Entry> {
    let mut entries = vec![
        Entry::new("stentor-bridge-idle", "the broker and a bridge that has nothing to export")
            .envelopes::<Bridged<Nothing>>()
            .latency::<Bridged<Nothing>>(),
        Entry::new("stentor-bridge", "the broker and a bridge to another of this process")
            .envelopes::<Bridged<Local>>()
            .latency::<Bridged<Local>>(),
    ];
    if Backend::Nats.is_installed() {
        let note = "the broker and a bridge to nats-server on this machine";
        let entry = Entry::new("stentor-bridge-nats", note);
        entries.push(entry.envelopes::<Bridged<Nats>>().latency::<Bridged<Nats>>());
    }
    entries
}

/// A broker.
type Ring = InMemoryMessageBroker<Message>;

/// A broker with a bridge to `T`.
struct Bridged<T>(PhantomData<T>);

/// What a bridge leads to.
trait To: 'static {
    /// Builds it; what is to be kept as well.
    fn bridge(ring: &Ring, runtime: &Runtime) -> (Bridge, Option<Server>);
}

/// To another broker, with patterns that nothing is of.
struct Nothing;

impl To for Nothing {
    fn bridge(ring: &Ring, runtime: &Runtime) -> (Bridge, Option<Server>) {
        let remote = Ring::builder().build();
        (start(Bridge::builder(ring.clone(), remote).export("nothing.>"), runtime), None)
    }
}

/// Everything to another broker, where nobody listens.
struct Local;

impl To for Local {
    fn bridge(ring: &Ring, runtime: &Runtime) -> (Bridge, Option<Server>) {
        let remote = Ring::builder().build();
        (start(Bridge::builder(ring.clone(), remote).export_all(), runtime), None)
    }
}

/// Everything to a server, where nobody listens.
struct Nats;

impl To for Nats {
    fn bridge(ring: &Ring, runtime: &Runtime) -> (Bridge, Option<Server>) {
        let server = Backend::Nats.start();
        let remote = NatsMessageBroker::builder(server.url()).connect();
        let remote = runtime.block_on(remote).expect("the server is there");
        (start(Bridge::builder(ring.clone(), remote).export_all(), runtime), Some(server))
    }
}

/// Starts a bridge.
fn start<R: MessageBroker<Message>>(
    builder: BridgeBuilder<Message, (), R>,
    runtime: &Runtime,
) -> Bridge {
    runtime.block_on(builder.start()).expect("nothing wrong with it")
}

/// Publishes in the ring.
#[derive(Clone)]
struct Publisher {
    /// That.
    ring: Ring,
    /// The bridge, its server and its runtime, in this order.
    _bridge: Arc<(Bridge, Option<Server>, Runtime)>,
}

impl<T: To> Open for Bridged<T> {
    type Publisher = Publisher;
    type Subscriber = Subscriber<MessageEnvelope<Message>>;

    fn open(topology: &Topology) -> (Vec<Publisher>, Vec<Self::Subscriber>) {
        let ring = Ring::builder().capacity(CAPACITY).build();
        let subscribers = (0..topology.subscribers).map(|_| ring.bus().subscribe()).collect();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (bridge, server) = T::bridge(&ring, &runtime);
        let publisher = Publisher { ring, _bridge: Arc::new((bridge, server, runtime)) };
        (vec![publisher; topology.publishers], subscribers)
    }
}

impl Publish for Publisher {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        self.ring.publish_blocking(MessageEnvelope::new(message)).expect("open");
    }
}
