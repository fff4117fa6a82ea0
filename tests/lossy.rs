//! A lossy subscription learns exactly what it has lost, and others lose nothing.

use std::thread;
use stentor::{Bus, Overflow, RecvError, TryPublishError, TryRecvError};

#[test]
fn drop_oldest_is_told_the_number_and_goes_on_at_the_oldest_left() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut slow = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    for message in 0..10 {
        publisher.try_publish(message).unwrap();
    }
    assert_eq!(slow.missed(), 6);
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(6)));
    for message in 6..10 {
        assert_eq!(slow.try_recv(), Ok(message));
    }
    assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn an_evicted_subscription_is_told_once_and_for_all() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut slow = bus.subscriber().overflow(Overflow::Evict).subscribe();
    for message in 0..10 {
        publisher.try_publish(message).unwrap();
    }
    assert_eq!(slow.try_recv(), Err(TryRecvError::Evicted(4)));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Evicted(4)));
    assert_eq!(slow.recv(), Err(RecvError::Evicted(4)));
    assert_eq!(slow.next(), None);
}

#[test]
fn stats_name_who_lost_what() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let lagging = bus.subscriber().name("lagging").overflow(Overflow::DropOldest).subscribe();
    let evicted = bus.subscriber().name("evicted").overflow(Overflow::Evict).subscribe();
    publisher.publish_batch(0..10).unwrap();
    let stats = bus.stats();
    let [first, second] = &stats.subscribers[..] else { panic!("two subscribers") };
    assert_eq!((&*first.name, first.id), ("lagging", lagging.id()));
    assert_eq!((first.missed, first.evicted, first.lag), (6, false, 4));
    assert_eq!((&*second.name, second.id), ("evicted", evicted.id()));
    assert_eq!((second.missed, second.evicted), (4, true));
    assert_eq!(stats.published, 10);
    drop(evicted);
    assert_eq!(bus.stats().subscribers.len(), 1);
}

#[test]
fn nobody_loses_anything_while_a_lossless_subscriber_holds_the_ring() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let _lossless = bus.subscribe();
    let mut lossy = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    let mut evictable = bus.subscriber().overflow(Overflow::Evict).subscribe();
    for message in 0..4 {
        publisher.try_publish(message).unwrap();
    }
    assert_eq!(publisher.try_publish(4), Err(TryPublishError::Full(4)));
    assert_eq!(lossy.try_recv(), Ok(0));
    assert_eq!(evictable.try_recv(), Ok(0));
}

/// Two publishers against two lossy and one lossless subscriber, on a ring of `capacity`.
fn account(capacity: usize) {
    const EACH: u64 = 10_000;
    let bus = Bus::new(capacity);
    let publishers = [bus.publisher(), bus.publisher()];
    let lossless = bus.subscribe();
    let mut dropping = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    let mut evictable = bus.subscriber().overflow(Overflow::Evict).subscribe();
    thread::scope(|scope| {
        for publisher in publishers {
            scope.spawn(move || (0..EACH).for_each(|message| publisher.publish(message).unwrap()));
        }
        let lossless = scope.spawn(move || lossless.count());
        let dropping = scope.spawn(move || {
            let (mut received, mut lost) = (0, 0);
            loop {
                match dropping.recv() {
                    Ok(_) => received += 1,
                    Err(RecvError::Lagged(count)) => lost += count,
                    Err(RecvError::Closed) => break,
                    Err(error) => panic!("{error}"),
                }
                if received % 16 == 0 {
                    thread::yield_now();
                }
            }
            assert_eq!(received + lost, 2 * EACH);
            assert_eq!(dropping.missed(), lost);
        });
        let evictable = scope.spawn(move || {
            let mut received = 0;
            loop {
                match evictable.recv() {
                    Ok(_) => received += 1,
                    Err(RecvError::Evicted(unread)) => {
                        assert!(received + unread <= 2 * EACH);
                        assert_eq!(evictable.missed(), unread);
                        break;
                    }
                    Err(RecvError::Closed) => break assert_eq!(received, 2 * EACH),
                    Err(error) => panic!("{error}"),
                }
            }
        });
        assert_eq!(lossless.join().unwrap() as u64, 2 * EACH);
        dropping.join().unwrap();
        evictable.join().unwrap();
    });
}

#[test]
fn received_and_lost_add_up_on_a_small_ring() {
    account(4);
}

#[test]
fn received_and_lost_add_up_on_a_large_ring() {
    account(256);
}

#[test]
fn received_and_lost_add_up_without_a_lossless_reader() {
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    let mut slow = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
    thread::scope(|scope| {
        scope.spawn(move || (0..20_000u64).for_each(|n| publisher.publish(n).unwrap()));
        let (mut expected, mut lost) = (0, 0);
        loop {
            match slow.read(16) {
                Ok(batch) => {
                    for &message in &batch {
                        assert_eq!(message, expected, "a gap that nobody told of");
                        expected += 1;
                    }
                }
                Err(RecvError::Lagged(count)) => {
                    lost += count;
                    expected += count;
                }
                Err(error) => break assert_eq!(error, RecvError::Closed),
            }
        }
        assert_eq!(expected, 20_000);
        assert_eq!(slow.missed(), lost);
    });
}
