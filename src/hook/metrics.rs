//! What a broker does, through the `metrics` facade.

use metrics::{Counter, Histogram, SharedString, counter, gauge, histogram};

use crate::broker::{BrokerMetrics, DeadLetterReason, Rejection};
use crate::envelope::{MessageEnvelope, MessageHeader};
use crate::hook::{Hook, Outcome};

/// Tells the exporter of the [`metrics`] facade what the broker does. (Without any exporter,
/// [`InMemoryMessageBroker::metrics`](crate::InMemoryMessageBroker::metrics) has most of it.)
///
/// | metric | kind | counts |
/// |---|---|---|
/// | `stentor_published_total` | counter | messages published |
/// | `stentor_unpublished_total` | counter | messages that a later hook or the broker did not let be published |
/// | `stentor_delivered_total` | counter | messages received, once for each subscription |
/// | `stentor_missed_total` | counter | messages that lossy subscriptions have lost |
/// | `stentor_dead_letters_total` | counter, by `reason` | dead letters; what any hook rejected is `rejected` |
/// | `stentor_request_seconds` | histogram, by `outcome` | from publishing a request to its end: `answered`, `timed_out`, `abandoned` |
/// | `stentor_lag` | gauge, by `subscription` | messages not read yet; as of the last [`record`](Self::record) |
/// | `stentor_pending_requests` | gauge | requests that wait; as of the last `record` |
///
/// All have the label `broker`. Brokers beyond the process have more to tell: see `record_remote`. Put it first in a tuple of hooks, so that it sees what the others reject.
///
/// The handles are looked up once, when it is made: **install the exporter before**. A message costs one
/// atomic addition, and another for each delivery.
///
/// ```
/// use stentor::{InMemoryMessageBroker, MessageEnvelope, Metrics};
///
/// let exporter = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
/// let page = exporter.handle();
/// metrics::set_global_recorder(exporter).unwrap();
///
/// let hooks = Metrics::new("orders");
/// let broker = InMemoryMessageBroker::<u64>::builder().hooks(hooks).build();
/// broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
/// assert!(page.render().contains(r#"stentor_published_total{broker="orders"} 1"#));
/// ```
#[derive(Clone)]
pub struct Metrics {
    /// The label of all of them.
    broker: SharedString,
    published: Counter,
    unpublished: Counter,
    delivered: Counter,
    missed: Counter,
    /// By the kind of the reason.
    dead_letters: [Counter; 11],
    answered: Histogram,
    timed_out: Histogram,
    abandoned: Histogram,
}

impl Metrics {
    /// The metrics of the broker of this name, with the exporter that is installed now.
    pub fn new(broker: impl Into<SharedString>) -> Self {
        let broker = broker.into();
        let total = |name: &'static str| counter!(name, "broker" => broker.clone());
        let request = |outcome: &'static str| {
            let name = "stentor_request_seconds";
            histogram!(name, "broker" => broker.clone(), "outcome" => outcome)
        };
        let dead_letters = DeadLetterReason::KINDS.map(|reason| {
            counter!("stentor_dead_letters_total", "broker" => broker.clone(), "reason" => reason)
        });
        Self {
            published: total("stentor_published_total"),
            unpublished: total("stentor_unpublished_total"),
            delivered: total("stentor_delivered_total"),
            missed: total("stentor_missed_total"),
            dead_letters,
            answered: request("answered"),
            timed_out: request("timed_out"),
            abandoned: request("abandoned"),
            broker,
        }
    }

    /// The label of all of them.
    #[cfg(feature = "remote")]
    pub(crate) fn broker(&self) -> SharedString {
        self.broker.clone()
    }

    /// Sets the gauges to what the broker's metrics say. Call it every few seconds, or before each scrape.
    /// A gauge keeps its last value: give a subscription that comes and goes a name of its own only if the
    /// exporter forgets idle metrics.
    pub fn record(&self, now: &BrokerMetrics) {
        gauge!("stentor_pending_requests", "broker" => self.broker.clone())
            .set(now.requests.pending as f64);
        for subscriber in &now.subscribers {
            let name = subscriber.name.clone();
            gauge!("stentor_lag", "broker" => self.broker.clone(), "subscription" => name)
                .set(subscriber.lag as f64);
        }
    }
}

impl<M> Hook<M> for Metrics {
    #[inline]
    fn after_publish(&self, _: &MessageHeader) {
        self.published.increment(1);
    }

    fn on_reject(&self, _: &MessageHeader, _: &Rejection) {
        self.unpublished.increment(1);
    }

    #[inline]
    fn on_deliver(&self, _: &MessageEnvelope<M>, _subscription: &str) {
        self.delivered.increment(1);
    }

    fn on_outcome(&self, outcome: &Outcome<'_, M>) {
        match outcome {
            Outcome::Answered { after, .. } => self.answered.record(*after),
            Outcome::TimedOut { after, .. } => self.timed_out.record(*after),
            Outcome::Abandoned { after, .. } => self.abandoned.record(*after),
            Outcome::DeadLetter(letter) => self.dead_letters[letter.reason.kind()].increment(1),
            Outcome::Missed { count, .. } => self.missed.increment(*count),
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("broker", &self.broker).finish_non_exhaustive()
    }
}
