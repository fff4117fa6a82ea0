//! Subscriptions that come, go, lose messages, or come after others.

#![cfg(stentor_loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread::spawn;
use loom_tests::{bus, drain, drain_all};
use stentor::{Overflow, RecvError};

#[test]
fn subscribe_under_two_publishers() {
    loom::model(|| {
        let bus = bus(1);
        let publishers = [bus.publisher(), bus.publisher()];
        let threads = (0..)
            .zip(publishers)
            .map(|(which, publisher)| spawn(move || publisher.publish(which).unwrap()));
        let threads: Vec<_> = threads.collect();
        let mut subscriber = bus.subscribe();
        let start = bus.stats().subscribers[0].cursor;
        let seen = drain_all(&mut subscriber);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(seen.len() as u64, 2 - start, "{seen:?} from {start}");
        assert!(seen.len() < 2 || seen[0] != seen[1], "{seen:?}");
    });
}

#[test]
fn unsubscribe_against_full_publisher() {
    loom::model(|| {
        let bus = bus(1);
        let subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            publisher.publish(0).unwrap();
            publisher.publish(1).unwrap();
        });
        drop(subscriber);
        thread.join().unwrap();
        assert_eq!(bus.published(), 2);
    });
}

#[test]
fn lossy_is_moved_while_reading() {
    loom::model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            (0..3).for_each(|message| publisher.publish(message).unwrap());
        });
        let (seen, lost, end) = drain(&mut subscriber);
        assert_eq!(subscriber.missed(), lost);
        thread.join().unwrap();
        assert_eq!(end, RecvError::Closed);
        assert!(seen.is_sorted_by(|a, b| a < b) && seen.last() == Some(&2), "{seen:?}");
        assert_eq!(seen.len() as u64 + lost, 3, "{seen:?} and lost {lost}");
    });
}

#[test]
fn lossy_joins_under_publisher() {
    let mut model = loom::model::Builder::new();
    // Small enough for it, and it takes so many.
    model.preemption_bound = Some(3);
    model.check(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        let thread = spawn(move || {
            (0..2).for_each(|message| publisher.publish(message).unwrap());
            publisher
        });
        let subscriber = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        let publisher = thread.join().unwrap();
        let stats = bus.stats().subscribers.remove(0);
        assert_eq!(stats.missed, subscriber.missed(), "what it had not subscribed to was counted");
        drop(publisher);
    });
}

#[test]
fn evict_against_reader() {
    loom::model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscriber().overflow(Overflow::Evict).subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            (0..3).for_each(|message| publisher.publish(message).unwrap());
        });
        let (seen, lost, end) = drain(&mut subscriber);
        assert_eq!(lost, 0);
        assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>());
        match end {
            RecvError::Evicted(unread) => {
                assert!(unread <= 1 && seen.len() < 3, "{seen:?} and {unread} unread");
                assert_eq!(subscriber.recv(), Err(end));
                assert_eq!(subscriber.missed(), unread);
            }
            _ => assert_eq!(seen.len(), 3),
        }
        thread.join().unwrap();
    });
}

#[test]
fn stage_sees_only_what_journal_passed() {
    loom::model(|| {
        let bus = bus(2);
        let mut journal = bus.subscriber().subscribe();
        let mut business = bus.subscriber().after(&[&journal]).subscribe();
        let publisher = bus.publisher();
        let journaled = Arc::new(AtomicU64::new(0));
        let by_journal = Arc::clone(&journaled);
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            for end in 1..=2 {
                let batch = journal.read(1).unwrap();
                by_journal.store(end, Ordering::Relaxed);
                drop(batch);
            }
            journal
        });
        publisher.publish(1).unwrap();
        for message in 0..2 {
            assert_eq!(business.recv(), Ok(message));
            assert!(journaled.load(Ordering::Relaxed) > message);
        }
        drop(thread.join().unwrap());
        drop(publisher);
    });
}
