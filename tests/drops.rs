//! Every message is dropped exactly once: when its slot is reused, or with the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use stentor::{Bus, Overflow};

/// Counts the drops of each of its messages.
struct Ledger(Arc<Vec<AtomicU8>>);

struct Message(usize, Arc<Vec<AtomicU8>>);

impl Drop for Message {
    fn drop(&mut self) {
        self.1[self.0].fetch_add(1, Ordering::Relaxed);
    }
}

impl Ledger {
    fn new(messages: usize) -> Self {
        Self(Arc::new((0..messages).map(|_| AtomicU8::new(0)).collect()))
    }

    fn message(&self, n: usize) -> Message {
        Message(n, Arc::clone(&self.0))
    }

    fn dropped(&self) -> usize {
        self.0.iter().filter(|drops| drops.load(Ordering::Relaxed) == 1).count()
    }

    fn assert_all_dropped_once(&self) {
        let drops: Vec<_> = self.0.iter().map(|drops| drops.load(Ordering::Relaxed)).collect();
        assert!(drops.iter().all(|&drops| drops == 1), "{drops:?}");
    }
}

#[test]
fn a_partial_lap_is_dropped_with_the_bus() {
    for published in 0..20 {
        let ledger = Ledger::new(published);
        let bus = Bus::new(8);
        let publisher = bus.publisher();
        (0..published).for_each(|n| publisher.publish(ledger.message(n)).unwrap());
        assert_eq!(ledger.dropped(), published.saturating_sub(8));
        drop((publisher, bus));
        ledger.assert_all_dropped_once();
    }
}

#[test]
fn unread_messages_live_as_long_as_a_subscriber() {
    let ledger = Ledger::new(3);
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch((0..3).map(|n| ledger.message(n)).collect::<Vec<_>>()).unwrap();
    drop((publisher, bus));
    assert_eq!(ledger.dropped(), 0);
    assert_eq!(subscriber.read(8).unwrap().len(), 3);
    drop(subscriber);
    ledger.assert_all_dropped_once();
}

#[test]
fn refused_messages_are_the_callers_to_drop() {
    let ledger = Ledger::new(4);
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let subscriber = bus.subscribe();
    publisher.publish(ledger.message(0)).unwrap();
    let full = publisher.try_publish(ledger.message(1)).unwrap_err();
    bus.close();
    let closed = publisher.publish(ledger.message(2)).unwrap_err();
    let batch = publisher.publish_batch([ledger.message(3)]).unwrap_err();
    assert_eq!(ledger.dropped(), 0);
    drop((full, closed, batch));
    assert_eq!(ledger.dropped(), 3);
    drop((publisher, subscriber, bus));
    ledger.assert_all_dropped_once();
}

#[test]
fn messages_lost_by_lossy_subscribers_are_dropped_once() {
    let ledger = Ledger::new(100);
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let lossy = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    (0..100).for_each(|n| publisher.try_publish(ledger.message(n)).unwrap());
    assert_eq!(ledger.dropped(), 96);
    drop((publisher, lossy, bus));
    ledger.assert_all_dropped_once();
}

#[test]
fn racing_publishers_and_readers_drop_each_message_once() {
    const EACH: usize = 5_000;
    let ledger = Ledger::new(3 * EACH);
    let bus = Bus::new(16);
    let publishers: Vec<_> = (0..3).map(|_| bus.publisher()).collect();
    let mut steady = bus.subscribe();
    let mut lossy = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    thread::scope(|scope| {
        for (id, publisher) in publishers.into_iter().enumerate() {
            let ledger = &ledger;
            scope.spawn(move || {
                for n in 0..EACH {
                    publisher.publish(ledger.message(id * EACH + n)).unwrap();
                }
            });
        }
        scope.spawn(move || while steady.read(5).is_ok() {});
        scope.spawn(move || while !matches!(lossy.read(5), Err(stentor::RecvError::Closed)) {});
    });
    drop(bus);
    ledger.assert_all_dropped_once();
}
