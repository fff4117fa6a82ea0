//! Hooks: in on the way in, reversed on the way out; each message let in comes out exactly once.

use std::sync::{Arc, Mutex};

use stentor::{
    BrokerError, CorrelationId, Hook, InMemoryMessageBroker, MessageBroker, MessageEnvelope,
    MessageHeader, Outcome, Rejection, SubscribeOptions,
};

type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what it is called for; rejects the message of its number.
struct Spy {
    name: &'static str,
    rejects: Option<u64>,
    log: Log,
}

impl Spy {
    fn write(&self, what: &str) {
        self.log.lock().unwrap().push(format!("{} {what}", self.name));
    }
}

impl Hook<u64> for Spy {
    fn before_publish(&self, envelope: &mut MessageEnvelope<u64>) -> Result<(), Rejection> {
        self.write("before");
        if self.rejects == Some(envelope.message) {
            return Err(Rejection::new(self.name, "not this one"));
        }
        Ok(())
    }

    fn after_publish(&self, _: &MessageHeader) {
        self.write("after");
    }

    fn on_reject(&self, _: &MessageHeader, rejection: &Rejection) {
        self.write(&format!("let out, by {}", rejection.by));
    }

    fn on_deliver(&self, _: &MessageEnvelope<u64>, subscription: &str) {
        self.write(&format!("deliver to {subscription}"));
    }

    fn on_outcome(&self, outcome: &Outcome<'_, u64>) {
        if let Outcome::DeadLetter(letter) = outcome {
            self.write(&format!("dead letter {}", letter.envelope.message));
        }
    }
}

/// Three spies, of which the second rejects 7, and what they write down.
fn spies() -> ((Spy, (Spy, Spy)), Log) {
    let log = Log::default();
    let spy = |name, rejects| Spy { name, rejects, log: Arc::clone(&log) };
    ((spy("a", None), (spy("b", Some(7)), spy("c", None))), log)
}

fn written(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

#[test]
fn in_on_the_way_in_and_reversed_on_the_way_out() {
    let (hooks, log) = spies();
    let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
    let mut stream = broker.subscribe_with(SubscribeOptions::new().name("audit")).unwrap();
    broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
    assert_eq!(
        written(&log),
        ["a before", "b before", "c before", "c after", "b after", "a after"]
    );
    stream.try_recv().unwrap();
    assert_eq!(written(&log), ["c deliver to audit", "b deliver to audit", "a deliver to audit"]);
}

#[test]
fn a_rejected_message_comes_back_and_is_a_dead_letter() {
    let (hooks, log) = spies();
    let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let mut letters = broker.dead_letters();
    let envelope = MessageEnvelope::new(7).with_correlation_id(CorrelationId::new());
    let id = envelope.metadata.message_id;
    match broker.publish_blocking(envelope).unwrap_err() {
        BrokerError::Rejected { envelope, by, reason, .. } => {
            assert_eq!((envelope.metadata.message_id, by, &*reason), (id, "b", "not this one"));
        }
        other => panic!("{other}"),
    }
    assert_eq!(letters.try_recv().unwrap().envelope.metadata.message_id, id);
    assert!(stream.try_recv().is_err());
    let deaths = ["c dead letter 7", "b dead letter 7", "a dead letter 7"];
    let expected = [&["a before", "b before", "a let out, by b"][..], &deaths[..]].concat();
    assert_eq!(written(&log), expected);
}

#[test]
fn what_the_broker_refuses_is_let_out_of_every_hook() {
    let (hooks, log) = spies();
    let broker = InMemoryMessageBroker::builder().capacity(1).hooks(hooks).build();
    let _stream = broker.subscribe_blocking().unwrap();
    broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
    written(&log);
    let error = broker.try_publish(MessageEnvelope::new(2)).unwrap_err();
    assert!(matches!(error, BrokerError::Full(envelope) if envelope.message == 2));
    let out = ["c let out, by broker", "b let out, by broker", "a let out, by broker"];
    let expected = [&["a before", "b before", "c before"][..], &out[..]].concat();
    assert_eq!(written(&log), expected);
}

#[test]
fn a_publisher_that_gives_up_is_let_out_of_every_hook() {
    use std::task::{Context, Waker};
    let (hooks, log) = spies();
    let broker = InMemoryMessageBroker::builder().capacity(1).hooks(hooks).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
    written(&log);
    {
        let mut publishing = std::pin::pin!(broker.publish(MessageEnvelope::new(2)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(publishing.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(written(&log).iter().filter(|line| line.contains("let out, by broker")).count(), 3);
    assert_eq!(stream.try_recv().unwrap().message, 1);
    assert!(stream.try_recv().is_err());
}

/// Gives every message a topic.
struct Topics;

impl Hook<u64> for Topics {
    const DELIVERIES: bool = false;

    fn before_publish(&self, envelope: &mut MessageEnvelope<u64>) -> Result<(), Rejection> {
        envelope.metadata.topic = Some("from.hook".parse().unwrap());
        Ok(())
    }
}

#[test]
fn a_hook_may_change_the_envelope() {
    let broker = InMemoryMessageBroker::builder().hooks(Topics).build();
    let mut stream = broker.subscribe_with(SubscribeOptions::new().topic("from.*")).unwrap();
    broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
    assert_eq!(stream.try_recv().unwrap().metadata.topic.unwrap().as_str(), "from.hook");
}
