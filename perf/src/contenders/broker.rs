//! Stentor's broker: envelopes through hooks, beside the bare bus of the same envelopes; and requests.

use std::{marker::PhantomData, time::Duration};

use stentor::{
    ActorAddress, Bus, CircuitBreaker, Hook, InMemoryMessageBroker, MessageBroker, MessageEnvelope,
    Metrics, Publisher, SubscribeOptions, Subscriber, Tracing,
};

use crate::{
    contract::{Answer, Ask, Open, Poll, Publish, Topology},
    entry::Entry,
    workload::{CAPACITY, Message, READ, Sink},
};

/// The entries of the broker; the bare bus of envelopes and the requests are Stentor's own.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("stentor-broker", "the broker, without hooks")
            .envelopes::<Hooked<()>>()
            .latency::<Hooked<()>>(),
        Entry::new("stentor-broker-metrics", "the broker with Metrics, without an exporter")
            .envelopes::<Hooked<Metrics>>(),
        Entry::new(
            "stentor-broker-hooks",
            "the broker with Metrics, Tracing and CircuitBreaker, nobody listening",
        )
        .envelopes::<Hooked<(Metrics, Tracing, CircuitBreaker)>>(),
    ]
}

/// What is published.
type Envelope = MessageEnvelope<Message>;

/// A bus of envelopes, and no broker.
pub struct Bare;

impl Open for Bare {
    type Publisher = Publisher<Envelope>;
    type Subscriber = Subscriber<Envelope>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let bus = Bus::new(CAPACITY);
        let subscribers = (0..topology.subscribers).map(|_| bus.subscribe()).collect();
        ((0..topology.publishers).map(|_| bus.publisher()).collect(), subscribers)
    }
}

/// A broker with hooks of type `H`; subscribers read in place.
struct Hooked<H>(PhantomData<H>);

/// Hooks as they are measured.
trait Cheap: Hook<Message> {
    /// Makes them.
    fn hooks() -> Self;
}

impl Cheap for () {
    fn hooks() -> Self {}
}

impl Cheap for Metrics {
    fn hooks() -> Self {
        Metrics::new("perf")
    }
}

impl Cheap for (Metrics, Tracing, CircuitBreaker) {
    fn hooks() -> Self {
        (Metrics::hooks(), Tracing::new(), CircuitBreaker::new())
    }
}

impl<H: Cheap> Open for Hooked<H> {
    type Publisher = InMemoryMessageBroker<Message, H>;
    type Subscriber = Subscriber<Envelope>;

    fn open(topology: &Topology) -> (Vec<Self::Publisher>, Vec<Self::Subscriber>) {
        let broker = InMemoryMessageBroker::builder().capacity(CAPACITY).hooks(H::hooks()).build();
        let subscribers = (0..topology.subscribers).map(|_| broker.bus().subscribe()).collect();
        (vec![broker; topology.publishers], subscribers)
    }
}

impl Publish for Publisher<Envelope> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        Publisher::publish(self, MessageEnvelope::new(message)).expect("open");
    }
}

impl<H: Hook<Message>> Publish for InMemoryMessageBroker<Message, H> {
    #[inline(always)]
    fn publish(&mut self, message: Message) {
        self.publish_blocking(MessageEnvelope::new(message)).expect("open, and let pass");
    }
}

impl Poll for Subscriber<Envelope> {
    #[inline(always)]
    fn poll(&mut self, sink: &mut impl Sink) -> usize {
        let Ok(batch) = self.try_read(READ) else {
            return 0;
        };
        (&batch).into_iter().for_each(|envelope| sink.take(&envelope.message));
        batch.len()
    }
}

/// How long a request waits: it is never answered late here.
const TIME_OUT: Duration = Duration::from_secs(60);

/// A broker on which a task answers.
pub struct Requests;

/// Asks over the broker.
#[derive(Clone)]
pub struct Asker {
    /// The broker.
    broker: InMemoryMessageBroker<Message>,
    /// Who answers.
    service: ActorAddress,
}

impl Answer for Requests {
    type Asker = Asker;

    async fn start() -> Asker {
        let broker = InMemoryMessageBroker::builder().capacity(CAPACITY).build();
        let service = ActorAddress::new();
        // Every subscriber sees the replies, too; this one passes over them where they lie.
        let to_service = move |envelope: &Envelope| envelope.metadata.recipient == Some(service);
        let options = SubscribeOptions::new().filter(to_service);
        let mut requests = broker.subscribe_with(options).expect("nothing wrong with the options");
        let replier = broker.clone();
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                let reply = request.reply(request.message.answer());
                replier.publish(reply).await.expect("open");
            }
        });
        Asker { broker, service }
    }
}

impl Ask for Asker {
    async fn ask(&self, message: Message) -> Message {
        let request = MessageEnvelope::new(message).with_recipient(self.service);
        self.broker.request::<Message>(request, TIME_OUT).await.expect("an answer").message
    }
}
