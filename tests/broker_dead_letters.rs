//! Dead letters: counted by reason, and a stream that blocks nobody.

use stentor::{DeadLetterReason, InMemoryMessageBroker, MessageEnvelope, RecvError, TryRecvError};

type Broker = InMemoryMessageBroker<u64>;

fn report(broker: &Broker, count: u64) {
    for message in 0..count {
        let reason = DeadLetterReason::MailboxFull;
        broker.report_dead_letter(MessageEnvelope::new(message), reason);
    }
}

#[test]
fn all_are_counted_whether_or_not_somebody_listens() {
    let broker = Broker::builder().dead_letters(4).build();
    report(&broker, 100);
    let mut letters = broker.dead_letters();
    report(&broker, 100);
    let reason = DeadLetterReason::Panicked;
    broker.report_dead_letter(MessageEnvelope::new(7), reason.clone());
    let counts = broker.metrics().dead_letters;
    assert_eq!((counts.mailbox_full, counts.panicked, counts.total()), (200, 1, 201));
    assert_eq!(letters.try_recv().unwrap_err(), TryRecvError::Lagged(97));
    assert_eq!(letters.try_recv().unwrap().envelope.message, 97);
    let last = std::iter::from_fn(|| letters.try_recv().ok()).last().unwrap();
    assert_eq!((last.envelope.message, last.reason), (7, reason));
}

#[test]
fn a_listener_that_holds_a_batch_blocks_nobody() {
    let broker = Broker::builder().dead_letters(4).build();
    let mut letters = broker.dead_letters();
    report(&broker, 4);
    let batch = letters.try_read(4).unwrap();
    report(&broker, 100); // would wait for ever if it waited for the batch
    drop(batch);
    assert_eq!(broker.metrics().dead_letters.total(), 104);
}

#[test]
fn the_stream_ends_with_the_broker() {
    let broker = Broker::builder().build();
    let mut letters = broker.dead_letters();
    report(&broker, 1);
    drop(broker);
    assert_eq!(letters.recv().unwrap().envelope.message, 0);
    assert_eq!(letters.recv().unwrap_err(), RecvError::Closed);
}
