//! Subscriptions that come, go, lose messages, or come after others.

#![cfg(stentor_loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread::spawn;
use loom_tests::{bus, drain, drain_all, model, model_within, share_lane};
use stentor::{Bus, Overflow, RecvError, Start, TryRecvError};

/// What was published from `start` on: in these models the n-th message is n.
fn rest(bus: &Bus<u64>, start: u64) -> Vec<u64> {
    (start..bus.published()).collect()
}

#[test]
fn subscribe_under_owner() {
    model(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn({
            let bus = bus.clone();
            move || bus.subscribe()
        });
        let _ = publisher.try_publish(1).and_then(|()| publisher.try_publish(2));
        let mut subscriber = thread.join().unwrap();
        let start = bus.stats().subscribers[0].cursor;
        drop(publisher);
        assert_eq!(drain_all(&mut subscriber), rest(&bus, start));
    });
}

#[test]
fn subscribe_against_waiting_publisher() {
    model(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            let mut subscriber = bus.subscribe();
            let start = bus.stats().subscribers[0].cursor;
            (start..3).for_each(|message| assert_eq!(subscriber.recv(), Ok(message)));
            (subscriber, bus)
        });
        (1..3).for_each(|message| publisher.publish(message).unwrap());
        drop(thread.join().unwrap());
    });
}

#[test]
fn subscribe_under_batch_of_owner() {
    model(|| {
        let bus = bus(2);
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            let mut subscriber = bus.subscribe();
            let start = bus.stats().subscribers[0].cursor;
            (start..4).for_each(|message| assert_eq!(subscriber.recv(), Ok(message)));
            (subscriber, bus)
        });
        publisher.publish_batch([1, 2, 3]).unwrap();
        drop(thread.join().unwrap());
    });
}

#[test]
fn subscribe_under_two_publishers() {
    model(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        share_lane(&publisher);
        let joining = spawn({
            let bus = bus.clone();
            move || bus.subscribe()
        });
        let second = publisher.clone();
        let publishing = spawn(move || second.try_publish(10).is_ok());
        let accepted = [publisher.try_publish(20).is_ok(), publishing.join().unwrap()];
        let mut subscriber = joining.join().unwrap();
        let start = bus.stats().subscribers[0].cursor;
        drop(publisher);
        let published = 2 + accepted.iter().filter(|accepted| **accepted).count() as u64;
        let seen = drain_all(&mut subscriber);
        assert_eq!(seen.len() as u64, published - start, "{seen:?} from {start}");
        assert!(seen.len() < 2, "{seen:?} in one slot");
    });
}

#[test]
fn subscribe_from_oldest_under_publisher() {
    model(|| {
        let bus = Bus::<u64>::builder().capacity(2).retain(1).build();
        let publisher = bus.publisher();
        share_lane(&publisher);
        let thread = spawn({
            let bus = bus.clone();
            move || bus.subscriber().from(Start::Oldest).subscribe()
        });
        let _ = (2..5).try_for_each(|message| publisher.try_publish(message));
        let mut subscriber = thread.join().unwrap();
        let start = bus.stats().subscribers[0].cursor;
        drop(publisher);
        assert_eq!(drain_all(&mut subscriber), rest(&bus, start));
    });
}

#[test]
fn unsubscribe_against_full_publisher() {
    model(|| {
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
fn unsubscribe_with_leaked_batch() {
    model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            let batch = subscriber.try_read(1).unwrap();
            assert_eq!(batch.iter().next(), Some(&0));
            std::mem::forget(batch);
        });
        publisher.publish(1).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn lossy_is_moved_while_reading() {
    model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            let seen: Vec<_> = subscriber.try_recv().into_iter().collect();
            (seen, subscriber)
        });
        (1..3).for_each(|message| publisher.publish(message).unwrap());
        let (mut seen, mut subscriber) = thread.join().unwrap();
        drop(publisher);
        let (rest, lost, end) = drain(&mut subscriber);
        seen.extend(rest);
        assert_eq!((end, subscriber.missed()), (RecvError::Closed, 3 - seen.len() as u64));
        assert!(seen.is_sorted_by(|a, b| a < b) && seen.last() == Some(&2), "{seen:?}");
        assert!(lost <= subscriber.missed());
    });
}

#[test]
fn lossy_jumps_where_it_was_asked_to() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        let publisher = bus.publisher();
        (0..2).for_each(|message| publisher.publish(message).unwrap());
        let mut batch = subscriber.try_read(1).unwrap();
        let thread = spawn(move || {
            assert!(publisher.try_publish(2).is_err());
            publisher
        });
        let publisher = thread.join().unwrap();
        batch.consume(0);
        drop(batch);
        // It cannot stay where it was by reading again before the publisher comes back.
        assert_eq!(subscriber.try_recv(), Err(TryRecvError::Lagged(1)));
        publisher.try_publish(2).unwrap();
    });
}

#[test]
fn lossy_joins_under_publisher() {
    // Small enough for it, and it takes so many.
    model_within(3, || {
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
    model(|| {
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
fn evicted_learns_how_many_it_had_not_read() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscriber().overflow(Overflow::Evict).subscribe();
        let publisher = bus.publisher();
        (0..2).for_each(|message| publisher.publish(message).unwrap());
        let thread = spawn(move || publisher.publish(2).unwrap());
        let (seen, _, end) = drain(&mut subscriber);
        match end {
            RecvError::Evicted(unread) => assert_eq!(seen.len() as u64 + unread, 2, "{seen:?}"),
            _ => assert_eq!(seen, [0, 1, 2]),
        }
        thread.join().unwrap();
    });
}

#[test]
fn stage_sees_only_what_journal_passed() {
    model(|| {
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

#[test]
fn stage_goes_on_when_journal_leaves() {
    model(|| {
        let bus = bus(2);
        let journal = bus.subscribe();
        let mut business = bus.subscriber().after(&[&journal]).subscribe();
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            assert_eq!(business.recv(), Ok(0));
            business
        });
        drop(journal);
        drop(thread.join().unwrap());
    });
}
