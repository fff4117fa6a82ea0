//! Closing wakes everybody, gives messages back, and lets subscribers drain what was accepted.

use std::thread;
use std::time::Duration;
use stentor::{
    Bus, Closed, PublishBatchError, PublishError, PublishTimeoutError, RecvError, RecvTimeoutError,
    TryPublishError, TryPublishWithError, TryRecvError,
};

/// Lets other threads run until `condition` holds.
fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[test]
fn close_wakes_a_blocked_recv() {
    let bus = Bus::<u8>::new(4);
    let _publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    thread::scope(|scope| {
        let blocked = scope.spawn(move || subscriber.recv());
        until(|| bus.stats().subscribers.first().is_some_and(|s| s.parked));
        bus.close();
        assert_eq!(blocked.join().unwrap(), Err(RecvError::Closed));
    });
}

#[test]
fn close_wakes_a_blocked_publish_and_gives_the_message_back() {
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(1).unwrap();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| publisher.publish(2));
        until(|| bus.stats().waiting_publishers == 1);
        bus.close();
        assert_eq!(blocked.join().unwrap(), Err(PublishError(2)));
    });
    assert_eq!(subscriber.recv(), Ok(1));
    assert_eq!(subscriber.recv(), Err(RecvError::Closed));
}

#[test]
fn close_wakes_tasks_on_both_sides() {
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let full = bus.subscribe();
    publisher.publish(1).unwrap();
    let mut waiting = bus.subscribe();
    thread::scope(|scope| {
        let publishing = scope.spawn(|| futures_executor::block_on(publisher.publish_async(2)));
        let receiving = scope.spawn(|| futures_executor::block_on(waiting.recv_async()));
        until(|| bus.stats().waiting_publishers == 1 && bus.stats().subscribers[1].parked);
        bus.close();
        assert_eq!(publishing.join().unwrap(), Err(PublishError(2)));
        assert_eq!(receiving.join().unwrap(), Err(RecvError::Closed));
    });
    assert_eq!(full.collect::<Vec<_>>(), [1]);
}

#[test]
fn what_was_accepted_is_drained_first() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch(0..10).unwrap();
    bus.close();
    assert!(bus.is_closed() && publisher.is_closed() && bus.stats().closed);
    for message in 0..10 {
        assert_eq!(subscriber.try_recv(), Ok(message));
    }
    assert_eq!(subscriber.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(subscriber.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Closed));
}

#[test]
fn nothing_accepted_in_a_race_with_close_is_lost() {
    for _ in 0..200 {
        let bus = Bus::new(1024);
        let publishers = [bus.publisher(), bus.publisher()];
        let subscriber = bus.subscribe();
        let (accepted, seen) = thread::scope(|scope| {
            let publishing = publishers.map(|publisher| {
                scope.spawn(move || (0..300).take_while(|&n| publisher.publish(n).is_ok()).count())
            });
            let reading = scope.spawn(move || subscriber.count());
            until(|| bus.published() > 20);
            bus.close();
            let accepted = publishing.map(|publisher| publisher.join().unwrap());
            (accepted.iter().sum::<usize>(), reading.join().unwrap())
        });
        assert_eq!(accepted, seen);
        assert_eq!(bus.published(), accepted as u64);
    }
}

#[test]
fn every_way_to_publish_gives_the_message_back() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    bus.close();
    bus.close();
    assert_eq!(publisher.try_publish(1), Err(TryPublishError::Closed(1)));
    assert_eq!(publisher.publish(2).unwrap_err().into_inner(), 2);
    let late = publisher.publish_timeout(3, Duration::MAX);
    assert_eq!(late, Err(PublishTimeoutError::Closed(3)));
    let late = futures_executor::block_on(publisher.publish_async(4));
    assert_eq!(late, Err(PublishError(4)));
    let all = PublishBatchError { published: 0, rest: vec![5, 6] };
    assert_eq!(publisher.publish_batch([5, 6]), Err(all.clone()));
    assert_eq!(futures_executor::block_on(publisher.publish_batch_async([5, 6])), Err(all));
    assert_eq!(publisher.publish_with(|_| unreachable!()), Err(Closed));
    let tried = publisher.try_publish_with(|_| unreachable!());
    assert_eq!(tried, Err(TryPublishWithError::Closed));
    assert_eq!(bus.publisher().publish(7), Err(PublishError(7)));
    assert_eq!(bus.published(), 0);
}

#[test]
fn a_batch_closed_in_the_middle_says_how_far_it_got() {
    let bus = Bus::new(2);
    let publisher = bus.publisher();
    let subscriber = bus.subscribe();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| publisher.publish_batch(0..5));
        until(|| bus.stats().waiting_publishers == 1);
        bus.close();
        let error = blocked.join().unwrap().unwrap_err();
        assert_eq!((error.published, error.into_inner()), (2, vec![2, 3, 4]));
    });
    assert_eq!(subscriber.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_batch_being_read_lives_on_across_close() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch(["a".to_owned(), "b".to_owned(), "c".to_owned()]).unwrap();
    let batch = subscriber.read(2).unwrap();
    bus.close();
    drop((publisher, bus));
    assert_eq!(batch.iter().cloned().collect::<String>(), "ab");
    drop(batch);
    assert_eq!(subscriber.recv().as_deref(), Ok("c"));
    assert_eq!(subscriber.recv(), Err(RecvError::Closed));
}

#[test]
fn the_last_publisher_closes_the_bus() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let clone = publisher.clone();
    let subscriber = bus.subscribe();
    drop(publisher);
    assert!(!bus.is_closed());
    clone.publish(1).unwrap();
    drop(clone);
    assert!(bus.is_closed());
    assert_eq!(subscriber.collect::<Vec<_>>(), [1]);
}

#[test]
fn the_last_bus_closes_it_where_there_was_no_publisher() {
    let bus = Bus::<u8>::new(4);
    let clone = bus.clone();
    let mut subscriber = bus.subscribe();
    drop(bus);
    assert_eq!(subscriber.try_recv(), Err(TryRecvError::Empty));
    drop(clone);
    assert_eq!(subscriber.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_ring_of_one_closes_like_any_other() {
    let bus = Bus::new(1);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(1).unwrap();
    bus.close();
    assert_eq!(publisher.try_publish(2), Err(TryPublishError::Closed(2)));
    assert_eq!(subscriber.try_recv(), Ok(1));
    assert_eq!(subscriber.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn who_subscribes_to_a_closed_bus_finds_it_closed() {
    let bus = Bus::<u8>::new(4);
    bus.close();
    assert_eq!(bus.subscribe().try_recv(), Err(TryRecvError::Closed));
}
