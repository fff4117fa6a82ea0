//! A broker for tests: it works, writes down what is done with it, and fails when told to.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Write};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;

use crate::broker::broker::{Message, MessageBroker};
use crate::broker::dead_letter::{DeadLetter, Rejection};
use crate::broker::error::BrokerError;
use crate::broker::local::LocalBroker;
use crate::broker::memory::InMemoryMessageBroker;
use crate::broker::stream::MessageStream;
use crate::bus::Subscriber;
use crate::envelope::{CorrelationId, MessageEnvelope, MessageHeader, MessageId};
use crate::hook::Hook;

/// A broker for tests. It is an [`InMemoryMessageBroker`] that writes down what is published, asked and
/// subscribed, answers requests by script, and fails, waits or closes when told to.
///
/// ```
/// use std::time::Duration;
/// use stentor::{CorrelationId, MessageBroker, MessageEnvelope, MockMessageBroker};
///
/// # futures_executor::block_on(async {
/// let broker = MockMessageBroker::<String>::new();
/// broker.reply_with(|question| (question.message == "ping").then(|| "pong".to_string()));
///
/// let ping = MessageEnvelope::new("ping".to_string()).with_correlation_id(CorrelationId::new());
/// let reply = broker.publish_request::<String>(ping, Duration::from_secs(60)).await.unwrap();
/// assert_eq!(reply.unwrap().message, "pong");
///
/// broker.fail_next("the cable is cut");
/// assert!(broker.publish(MessageEnvelope::new("lost".to_string())).await.is_err());
///
/// broker.assert_published(&["ping".to_string(), "pong".to_string()]);
/// assert_eq!(broker.replies()[0].message, "pong");
/// # });
/// ```
pub struct MockMessageBroker<M> {
    broker: InMemoryMessageBroker<M, Recorder<M>>,
    recorder: Recorder<M>,
    /// Nobody answers its requests: how the mock waits without a runtime.
    clock: InMemoryMessageBroker<()>,
}

type Replier<M> = dyn FnMut(&MessageEnvelope<M>) -> Option<M> + Send;

/// What a mock has been told and has seen.
struct Record<M> {
    /// Let in by `before_publish`.
    in_flight: Vec<MessageEnvelope<M>>,
    /// In the order of `after_publish`.
    published: Vec<MessageEnvelope<M>>,
    /// The message ids and correlation ids of requests.
    requests: Vec<(MessageId, CorrelationId)>,
    subscriptions: usize,
    /// Why the next calls fail.
    failures: VecDeque<String>,
    /// How long every call waits.
    delay: Duration,
    repliers: Vec<Box<Replier<M>>>,
}

/// The hook by which the mock sees what is published.
struct Recorder<M>(Arc<Mutex<Record<M>>>);

impl<M: Message> Hook<M> for Recorder<M> {
    const DELIVERIES: bool = false;
    const OUTCOMES: bool = false;

    fn before_publish(&self, envelope: &mut MessageEnvelope<M>) -> Result<(), Rejection> {
        self.0.lock().in_flight.push(envelope.clone());
        Ok(())
    }

    fn after_publish(&self, header: &MessageHeader) {
        let record = &mut *self.0.lock();
        record.published.extend(landed(&mut record.in_flight, header));
    }

    fn on_reject(&self, header: &MessageHeader, _: &Rejection) {
        landed(&mut self.0.lock().in_flight, header);
    }
}

/// Takes a message out of those in flight.
fn landed<M>(
    in_flight: &mut Vec<MessageEnvelope<M>>,
    header: &MessageHeader,
) -> Option<MessageEnvelope<M>> {
    let is_it = |envelope: &MessageEnvelope<M>| envelope.metadata.message_id == header.message_id;
    in_flight.iter().position(is_it).map(|index| in_flight.remove(index))
}

impl<M: Message> MockMessageBroker<M> {
    /// A mock that does what an in-memory broker does, until told otherwise.
    #[expect(clippy::new_without_default, reason = "one way to make it")]
    pub fn new() -> Self {
        let record = Record {
            in_flight: Vec::new(),
            published: Vec::new(),
            requests: Vec::new(),
            subscriptions: 0,
            failures: VecDeque::new(),
            delay: Duration::ZERO,
            repliers: Vec::new(),
        };
        let recorder = Recorder(Arc::new(Mutex::new(record)));
        let hooks = recorder.clone();
        let broker = InMemoryMessageBroker::builder().capacity(4096).hooks(hooks).build();
        Self { broker, recorder, clock: InMemoryMessageBroker::builder().build() }
    }

    // ===== the script =====

    /// Answers requests: the first replier that gives a message for one has it published as the reply.
    pub fn reply_with(
        &self,
        replier: impl FnMut(&MessageEnvelope<M>) -> Option<M> + Send + 'static,
    ) {
        self.record(|record| record.repliers.push(Box::new(replier)));
    }

    /// Makes the next call of the trait fail with [`BrokerError::Backend`], for this reason. Said twice, the
    /// next two calls fail.
    pub fn fail_next(&self, reason: impl Into<String>) {
        self.record(|record| record.failures.push_back(reason.into()));
    }

    /// Makes every call of the trait wait for so long before it does anything.
    pub fn delay(&self, delay: Duration) {
        self.record(|record| record.delay = delay);
    }

    /// Shuts the broker down, as [`InMemoryMessageBroker::shutdown`] does.
    pub fn shutdown(&self) {
        self.broker.shutdown();
    }

    // ===== the record =====

    /// What was published, in order; requests and replies among it.
    pub fn published(&self) -> Vec<MessageEnvelope<M>> {
        self.record(|record| record.published.clone())
    }

    /// The requests that were published, in order.
    pub fn requests(&self) -> Vec<MessageEnvelope<M>> {
        self.select(|metadata_id, _, requests| requests.iter().any(|(id, _)| *id == metadata_id))
    }

    /// What was published with the correlation id of a request, and is not the request, in order.
    pub fn replies(&self) -> Vec<MessageEnvelope<M>> {
        self.select(|message_id, correlation_id, requests| {
            requests.iter().all(|(id, _)| *id != message_id)
                && requests.iter().any(|(_, id)| Some(*id) == correlation_id)
        })
    }

    /// How many have subscribed.
    pub fn subscriptions(&self) -> usize {
        self.record(|record| record.subscriptions)
    }

    /// The dead letters from now on.
    pub fn dead_letters(&self) -> Subscriber<DeadLetter<M>> {
        self.broker.dead_letters()
    }

    /// Sees to it that just these messages were published, in this order.
    ///
    /// # Panics
    /// If not; the panic shows the difference.
    #[track_caller]
    pub fn assert_published(&self, expected: &[M])
    where
        M: PartialEq + Debug,
    {
        let published: Vec<M> =
            self.published().into_iter().map(|envelope| envelope.message).collect();
        if published != expected {
            panic!("not what was expected to be published:\n{}", difference(expected, &published));
        }
    }

    fn select(
        &self,
        wanted: impl Fn(MessageId, Option<CorrelationId>, &[(MessageId, CorrelationId)]) -> bool,
    ) -> Vec<MessageEnvelope<M>> {
        self.record(|record| {
            let is_wanted = |envelope: &&MessageEnvelope<M>| {
                let metadata = &envelope.metadata;
                wanted(metadata.message_id, metadata.correlation_id, &record.requests)
            };
            record.published.iter().filter(is_wanted).cloned().collect()
        })
    }

    fn record<R>(&self, f: impl FnOnce(&mut Record<M>) -> R) -> R {
        f(&mut self.recorder.0.lock())
    }

    // ===== what every call does first =====

    /// Waits, and fails, as told.
    async fn obey(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let (delay, failure) = self.record(|record| (record.delay, record.failures.pop_front()));
        if !delay.is_zero() {
            let nobody = MessageEnvelope::new(()).with_correlation_id(CorrelationId::new());
            self.clock.publish_request::<()>(nobody, delay).await?;
        }
        failure.map_or(Ok(()), |reason| Err(reason.into()))
    }

    fn is_published(&self, id: MessageId) -> bool {
        self.record(|record| record.published.iter().any(|sent| sent.metadata.message_id == id))
    }

    /// The reply that the script has for a request.
    fn scripted(&self, request: &MessageEnvelope<M>) -> Option<MessageEnvelope<M>> {
        // Repliers are the user's code: they run outside the lock.
        let mut repliers = self.record(|record| std::mem::take(&mut record.repliers));
        let message = repliers.iter_mut().find_map(|replier| replier(request));
        self.record(|record| {
            repliers.append(&mut record.repliers);
            record.repliers = repliers;
        });
        message.map(|message| request.reply(message))
    }
}

impl<M: Message> MessageBroker<M> for MockMessageBroker<M> {
    type Error = BrokerError<M>;

    async fn publish(&self, envelope: MessageEnvelope<M>) -> Result<(), BrokerError<M>> {
        if let Err(source) = self.obey().await {
            return Err(BrokerError::Backend { envelope: Some(envelope), source });
        }
        self.broker.publish(envelope).await
    }

    async fn subscribe(&self) -> Result<MessageStream<M>, BrokerError<M>> {
        if let Err(source) = self.obey().await {
            return Err(BrokerError::Backend { envelope: None, source });
        }
        self.record(|record| record.subscriptions += 1);
        self.broker.subscribe().await
    }

    async fn publish_request<R>(
        &self,
        envelope: MessageEnvelope<M>,
        timeout: Duration,
    ) -> Result<Option<MessageEnvelope<R>>, BrokerError<M>>
    where
        R: Message + TryFrom<M>,
    {
        if let Err(source) = self.obey().await {
            return Err(BrokerError::Backend { envelope: Some(envelope), source });
        }
        let request = envelope.clone();
        let id = request.metadata.message_id;
        self.record(|record| {
            record.requests.extend(request.metadata.correlation_id.map(|c| (id, c)))
        });
        let mut asking = pin!(self.broker.publish_request::<R>(envelope, timeout));
        let asked = poll_fn(|cx| match asking.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.is_published(id) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if let Some(answer) = asked.await {
            return answer;
        }
        if let Some(reply) = self.scripted(&request) {
            self.broker.publish(reply).await?;
        }
        asking.await
    }

    fn local(&self) -> Option<&dyn LocalBroker<M>> {
        Some(&self.broker)
    }
}

impl<M> Clone for Recorder<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Clone for MockMessageBroker<M> {
    fn clone(&self) -> Self {
        Self {
            broker: self.broker.clone(),
            recorder: self.recorder.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<M> fmt::Debug for MockMessageBroker<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockMessageBroker").field("broker", &self.broker).finish_non_exhaustive()
    }
}

/// What has to be taken from (`-`) and added to (`+`) the expected to get the found: a line for each
/// message, those that are in both in between.
fn difference<M: PartialEq + Debug>(expected: &[M], found: &[M]) -> String {
    // `common[i][j]`: how many messages the rests from i and j have in common, in order.
    let mut common = vec![vec![0_u32; found.len() + 1]; expected.len() + 1];
    for (i, wanted) in expected.iter().enumerate().rev() {
        for (j, got) in found.iter().enumerate().rev() {
            common[i][j] = if wanted == got {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < expected.len() || j < found.len() {
        let (sign, message) = match (expected.get(i), found.get(j)) {
            (Some(wanted), Some(got)) if wanted == got => (' ', wanted),
            (Some(wanted), None) => ('-', wanted),
            (Some(wanted), Some(_)) if common[i + 1][j] >= common[i][j + 1] => ('-', wanted),
            (_, Some(got)) => ('+', got),
            (None, None) => break,
        };
        i += usize::from(sign != '+');
        j += usize::from(sign != '-');
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{sign} {message:?}");
    }
    text
}
