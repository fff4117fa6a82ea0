//! Where a new subscriber starts: at the next message, or at the oldest retained.

use stentor::{Bus, Start};

/// What a subscriber finds that joins a bus of `capacity` after `published` messages `0..`.
fn found(capacity: usize, retain: usize, published: u64, start: Start) -> Vec<u64> {
    let bus = Bus::builder().capacity(capacity).retain(retain).build();
    assert_eq!(bus.stats().retain, retain);
    let publisher = bus.publisher();
    publisher.publish_batch((0..published).collect::<Vec<_>>()).unwrap();
    let late = bus.subscriber().from(start).subscribe();
    publisher.try_publish(published).ok();
    drop(publisher);
    late.collect()
}

#[test]
fn next_sees_nothing_older() {
    assert_eq!(found(8, 0, 5, Start::Next), [5]);
    assert_eq!(found(8, 4, 5, Start::Next), [5]);
}

#[test]
fn oldest_sees_what_is_retained() {
    assert_eq!(found(8, 3, 100, Start::Oldest), [97, 98, 99, 100]);
    assert_eq!(found(8, 3, 2, Start::Oldest), [0, 1, 2]);
    assert_eq!(found(8, 0, 100, Start::Oldest), [100]);
}

#[test]
fn as_much_as_the_capacity_can_be_retained() {
    for capacity in [1, 2, 8] {
        let expected: Vec<u64> = (100 - capacity as u64..=100).collect();
        assert_eq!(found(capacity, capacity, 100, Start::Oldest), expected);
    }
}

#[test]
fn retaining_does_not_hold_up_publishers() {
    let bus = Bus::builder().capacity(4).retain(4).build();
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    for message in 0..100 {
        publisher.try_publish(message).unwrap();
        assert_eq!(subscriber.try_recv(), Ok(message));
    }
}

#[test]
fn what_is_retained_outlives_close() {
    let bus = Bus::builder().capacity(4).retain(2).build();
    let publisher = bus.publisher();
    publisher.publish_batch(0..10).unwrap();
    bus.close();
    assert_eq!(bus.subscriber().from(Start::Oldest).subscribe().collect::<Vec<_>>(), [8, 9]);
}

#[test]
fn what_nobody_was_there_to_hear_is_counted() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    publisher.publish_batch(0..10).unwrap();
    assert_eq!(bus.stats().unheard, 10);
    let subscriber = bus.subscribe();
    publisher.publish_batch(0..3).unwrap();
    assert_eq!((bus.stats().unheard, bus.stats().published), (10, 13));
    drop(subscriber);
    publisher.publish_batch(0..7).unwrap();
    assert_eq!((bus.stats().unheard, bus.stats().published), (17, 20));
}
