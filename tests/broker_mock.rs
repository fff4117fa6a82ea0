//! The mock: it records, answers by script, fails and waits when told to, and shows what is wrong.

use std::time::{Duration, Instant};

use stentor::{BrokerError, CorrelationId, MessageBroker, MessageEnvelope, MockMessageBroker};

const LONG: Duration = Duration::from_secs(600);

fn question(message: u64) -> MessageEnvelope<u64> {
    MessageEnvelope::new(message).with_correlation_id(CorrelationId::new())
}

#[tokio::test]
async fn it_records_what_is_published_asked_and_replied() {
    let broker = MockMessageBroker::new();
    let mut stream = broker.subscribe().await.unwrap();
    broker.reply_with(|request| (request.message == 1).then_some(10));
    broker.reply_with(|request| (request.message == 2).then_some(20));
    for (asked, answered) in [(1, 10), (2, 20)] {
        let reply = broker.publish_request::<u64>(question(asked), LONG).await.unwrap();
        assert_eq!(reply.unwrap().message, answered);
    }
    let reply = broker.publish_request::<u64>(question(3), Duration::ZERO).await.unwrap();
    assert!(reply.is_none());
    broker.publish(MessageEnvelope::new(4)).await.unwrap();
    broker.assert_published(&[1, 10, 2, 20, 3, 4]);
    let messages = |envelopes: Vec<MessageEnvelope<u64>>| {
        envelopes.into_iter().map(|envelope| envelope.message).collect::<Vec<_>>()
    };
    assert_eq!(messages(broker.requests()), [1, 2, 3]);
    assert_eq!(messages(broker.replies()), [10, 20]);
    assert_eq!(broker.subscriptions(), 1);
    for message in [1, 10, 2, 20, 3, 4] {
        assert_eq!(stream.recv().await.unwrap().message, message);
    }
}

#[tokio::test]
async fn it_fails_when_told_to_and_records_nothing_then() {
    let broker = MockMessageBroker::new();
    for reason in ["one", "two", "three"] {
        broker.fail_next(reason);
    }
    match broker.publish(MessageEnvelope::new(7)).await.unwrap_err() {
        BrokerError::Backend { envelope, source } => {
            assert_eq!((envelope.unwrap().message, source.to_string()), (7, "one".into()));
        }
        other => panic!("{other}"),
    }
    let error = broker.publish_request::<u64>(question(8), LONG).await.unwrap_err();
    assert_eq!(error.into_envelope().unwrap().message, 8);
    assert!(broker.subscribe().await.is_err());
    broker.assert_published(&[]);
    assert_eq!(broker.subscriptions(), 0);
    broker.publish(MessageEnvelope::new(7)).await.unwrap();
}

#[test]
fn it_waits_without_a_runtime() {
    let broker = MockMessageBroker::new();
    let delay = Duration::from_millis(5);
    broker.delay(delay);
    let started = Instant::now();
    futures_executor::block_on(broker.publish(MessageEnvelope::new(1))).unwrap();
    assert!(started.elapsed() >= delay);
}

#[tokio::test]
async fn it_closes() {
    let broker = MockMessageBroker::new();
    broker.shutdown();
    let error = broker.publish(MessageEnvelope::new(7)).await.unwrap_err();
    assert!(matches!(error, BrokerError::Closed(envelope) if envelope.message == 7));
    broker.assert_published(&[]);
}

#[test]
#[should_panic = "not what was expected to be published:\n  1\n- 5\n+ 2\n  3\n+ 4\n"]
fn a_failed_assertion_shows_the_difference() {
    let broker = MockMessageBroker::new();
    for message in 1..=4 {
        futures_executor::block_on(broker.publish(MessageEnvelope::new(message))).unwrap();
    }
    broker.assert_published(&[1, 5, 3]);
}
