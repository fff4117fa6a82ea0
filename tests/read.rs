//! Messages read in place, in batches.

use std::sync::atomic::{AtomicU32, Ordering};
use stentor::{Bus, Overflow, TryPublishError, TryPublishWithError};

/// Not `Clone`.
#[derive(Debug, Default, PartialEq)]
struct Message(u64);

#[test]
fn a_batch_tells_its_length_and_its_place() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch((0..5).map(Message).collect::<Vec<_>>()).unwrap();
    let batch = subscriber.try_read(3).unwrap();
    assert_eq!((batch.len(), batch.is_empty(), batch.first_sequence()), (3, false, 0));
    assert!(!batch.is_end_of_batch());
    assert_eq!(batch.iter().len(), 3);
    assert!(batch.iter().map(|message| message.0).eq(0..3));
    assert_eq!(format!("{batch:?}"), "[Message(0), Message(1), Message(2)]");
    drop(batch);
    let batch = subscriber.try_read(8).unwrap();
    assert_eq!((batch.len(), batch.first_sequence()), (2, 3));
    assert!(batch.is_end_of_batch());
    for (message, expected) in (&batch).into_iter().zip(3..) {
        assert_eq!(*message, Message(expected));
    }
}

#[test]
fn what_is_not_consumed_comes_again() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch((0..4).map(Message).collect::<Vec<_>>()).unwrap();
    subscriber.read(4).unwrap().consume(0);
    subscriber.read(4).unwrap().consume(1);
    assert_eq!(subscriber.lag(), 3);
    let batch = subscriber.read(4).unwrap();
    assert!(batch.iter().map(|message| message.0).eq(1..4));
    // Room for the consumed one alone.
    publisher.try_publish(Message(4)).unwrap();
    assert_eq!(publisher.try_publish(Message(5)), Err(TryPublishError::Full(Message(5))));
}

#[test]
fn a_batch_holds_its_slots() {
    for overflow in [Overflow::Block, Overflow::DropOldest, Overflow::Evict] {
        let bus = Bus::new(2);
        let publisher = bus.publisher();
        let mut subscriber = bus.subscriber().overflow(overflow).subscribe();
        publisher.publish_batch([Message(0), Message(1)]).unwrap();
        let batch = subscriber.read(1).unwrap();
        let refused = publisher.try_publish(Message(2));
        assert_eq!(refused, Err(TryPublishError::Full(Message(2))), "{overflow:?}");
        assert_eq!(batch.iter().next(), Some(&Message(0)));
        drop(batch);
        publisher.try_publish(Message(2)).unwrap();
    }
}

#[test]
fn batches_wrap_around_the_ring() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    let (mut sent, mut seen) = (0, 0);
    for round in 0..200 {
        for _ in 0..round % 8 + 1 {
            publisher.try_publish(Message(sent)).unwrap();
            sent += 1;
        }
        while let Ok(batch) = subscriber.try_read(5) {
            assert_eq!(batch.first_sequence(), seen);
            for message in &batch {
                assert_eq!(message.0, seen);
                seen += 1;
            }
        }
        assert_eq!(seen, sent);
    }
}

#[test]
fn a_leaked_batch_is_read_again() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(Message(1)).unwrap();
    std::mem::forget(subscriber.read(4).unwrap());
    assert_eq!(subscriber.read(4).unwrap().iter().next(), Some(&Message(1)));
}

#[test]
fn a_message_is_cloned_for_recv_alone() {
    static CLONES: AtomicU32 = AtomicU32::new(0);
    struct Counted;
    impl Clone for Counted {
        fn clone(&self) -> Self {
            CLONES.fetch_add(1, Ordering::Relaxed);
            Self
        }
    }
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch([Counted, Counted, Counted]).unwrap();
    drop(subscriber.read(2).unwrap());
    assert_eq!(CLONES.load(Ordering::Relaxed), 0);
    subscriber.recv().ok().unwrap();
    assert_eq!(CLONES.load(Ordering::Relaxed), 1);
}

#[test]
fn a_message_can_be_written_in_place() {
    let bus = Bus::<Vec<u64>>::new(2);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    for n in 0..10 {
        publisher
            .publish_with(|slot| {
                // A default in the first lap, the message of the last lap later.
                assert_eq!(*slot, if n < 2 { vec![] } else { vec![n - 2] });
                slot.clear();
                slot.push(n);
            })
            .unwrap();
        assert_eq!(subscriber.recv(), Ok(vec![n]));
    }
    publisher.publish_batch([vec![], vec![]]).unwrap();
    let full = publisher.try_publish_with(|_| unreachable!());
    assert_eq!(full, Err(TryPublishWithError::Full));
}
