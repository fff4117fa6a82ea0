//! `Persist`: what is published is in the journal, and nothing else.

use std::sync::Arc;
use std::thread;

use stentor::{
    BrokerError, Hook, InMemoryMessageBroker, MessageEnvelope, MessageId, MessageLog, Persist,
    Rejection, RingJournal,
};

fn messages(journal: &RingJournal<u64>) -> Vec<u64> {
    journal.replay().iter().map(|envelope| envelope.message).collect()
}

#[test]
fn what_is_published_is_kept_with_its_metadata() {
    let hooks = Persist::new(RingJournal::new(8));
    let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    broker.publish_blocking(MessageEnvelope::new(1)).unwrap();
    assert_eq!(broker.hooks().journal().replay(), [stream.try_recv().unwrap()]);
}

#[test]
fn the_ring_keeps_the_last_and_counts_the_others() {
    let hooks = Persist::new(RingJournal::new(3));
    let broker = InMemoryMessageBroker::builder().hooks(hooks).build();
    for n in 0..10 {
        broker.publish_blocking(MessageEnvelope::new(n)).unwrap();
    }
    let journal = broker.hooks().journal();
    assert_eq!((messages(journal), journal.overwritten()), (vec![7, 8, 9], 7));
}

/// Rejects odd numbers.
struct Even;

impl Hook<u64> for Even {
    fn before_publish(&self, envelope: &mut MessageEnvelope<u64>) -> Result<(), Rejection> {
        if envelope.message.is_multiple_of(2) { Ok(()) } else { Err(Rejection::new("even", "odd")) }
    }
}

#[test]
fn what_is_not_published_is_withdrawn() {
    let hooks = (Persist::new(RingJournal::new(8)), Even);
    let broker = InMemoryMessageBroker::builder().capacity(2).hooks(hooks).build();
    let _stream = broker.subscribe_blocking().unwrap();
    for n in [2u64, 3, 4] {
        let published = broker.try_publish(MessageEnvelope::new(n));
        assert_eq!(published.is_ok(), n.is_multiple_of(2));
    }
    let error = broker.try_publish(MessageEnvelope::new(6)).unwrap_err();
    assert!(matches!(error, BrokerError::Full(_)));
    broker.shutdown();
    let error = broker.publish_blocking(MessageEnvelope::new(8)).unwrap_err();
    assert!(matches!(error, BrokerError::Closed(_)));
    assert_eq!(messages(broker.hooks().0.journal()), [2, 4]);
}

/// A disk that is full.
struct NoSpace;

impl MessageLog<u64> for NoSpace {
    type Error = &'static str;

    fn append(&self, _: &MessageEnvelope<u64>) -> Result<(), &'static str> {
        Err("no space left")
    }

    fn withdraw(&self, id: MessageId) {
        panic!("{id} was never kept");
    }
}

#[test]
fn what_the_journal_does_not_take_is_not_published() {
    let broker = InMemoryMessageBroker::builder().hooks(Persist::new(NoSpace)).build();
    let mut stream = broker.subscribe_blocking().unwrap();
    let error = broker.publish_blocking(MessageEnvelope::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "rejected by persist: the journal failed: no space left");
    assert_eq!(error.into_envelope().unwrap().message, 1);
    assert!(stream.try_recv().is_err());
}

#[test]
fn the_messages_of_each_publisher_keep_their_order() {
    const EACH: u64 = if cfg!(miri) { 20 } else { 2_000 };
    let hooks = Persist::new(RingJournal::new(2 * EACH as usize));
    let broker = Arc::new(InMemoryMessageBroker::builder().hooks(hooks).build());
    thread::scope(|scope| {
        for first in [0, EACH] {
            let broker = &broker;
            scope.spawn(move || {
                for n in first..first + EACH {
                    broker.publish_blocking(MessageEnvelope::new(n)).unwrap();
                }
            });
        }
    });
    let (low, high): (Vec<u64>, Vec<u64>) =
        messages(broker.hooks().journal()).iter().partition(|n| **n < EACH);
    assert_eq!(low, Vec::from_iter(0..EACH));
    assert_eq!(high, Vec::from_iter(EACH..2 * EACH));
}
