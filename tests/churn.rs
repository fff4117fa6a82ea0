//! Subscribers come and go under load, and nobody loses or repeats a message for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use stentor::{Bus, Publisher, Step, Wait, WaitStrategy};

/// Publishes `(id, 0..)` until told to stop; gives how many.
fn publish_until(stop: &AtomicBool, publisher: Publisher<(usize, u64)>, id: usize) -> u64 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        publisher.publish((id, number)).unwrap();
        number += 1;
    }
    number
}

#[test]
fn comings_and_goings_disturb_nobody() {
    const TEMPORARY: usize = 1_000;
    let bus = Bus::new(64);
    let publishers = [bus.publisher(), bus.publisher()];
    let permanent = [bus.subscribe(), bus.subscribe()];
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let mut id = 0;
        let publishing = publishers.map(|publisher| {
            id += 1;
            scope.spawn(move || publish_until(stop, publisher, id - 1))
        });
        let reading = permanent.map(|reader| scope.spawn(move || reader.collect::<Vec<_>>()));

        for round in 0..TEMPORARY {
            let mut temporary = bus.subscribe();
            let mut next = [None; 2];
            for _ in 0..round % 16 {
                let (id, number) = temporary.recv().unwrap();
                let expected = next[id].unwrap_or(number);
                assert_eq!(number, expected, "a temporary subscriber's run has a gap");
                next[id] = Some(number + 1);
            }
        }
        stop.store(true, Ordering::Relaxed);

        let sent = publishing.map(|publisher| publisher.join().unwrap());
        for reader in reading {
            let seen = reader.join().unwrap();
            for (id, &count) in sent.iter().enumerate() {
                let of_it = seen.iter().filter(|message| message.0 == id).map(|m| m.1);
                assert!(of_it.eq(0..count), "a permanent subscriber lost or repeated a message");
            }
        }
    });
    assert!(bus.stats().subscribers.is_empty());
}

#[test]
fn a_thousand_subscribers_at_once_see_everything() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let mut crowd: Vec<_> = (0..1_000).map(|_| bus.subscribe()).collect();
    assert_eq!(bus.stats().subscribers.len(), 1_000);
    for message in 0..20 {
        publisher.publish(message).unwrap();
        for subscriber in &mut crowd {
            assert_eq!(subscriber.try_recv(), Ok(message));
        }
    }
    drop(crowd);
    assert!(bus.stats().subscribers.is_empty());
    // Nobody is left to wait for.
    for message in 0..100 {
        publisher.try_publish(message).unwrap();
    }
}

/// Parks after the first look that finds nothing.
struct AtOnce;

impl Wait for AtOnce {
    fn idle(&self, _: u32) -> Step {
        Step::Park
    }
}

/// The place that a newcomer has at first may be a ring behind the one it starts at: a publisher that
/// parks for the first must be woken at the second, for everybody else may be asleep then.
#[test]
fn a_newcomer_wakes_publishers_that_found_it_in_the_way() {
    let bus = Bus::builder().capacity(1).wait(WaitStrategy::custom(AtOnce)).build();
    let publisher = bus.publisher();
    let permanent = bus.subscribe();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let publishing = scope.spawn(|| publish_until(&stop, publisher, 0));
        let reading = scope.spawn(|| permanent.count() as u64);
        for _ in 0..10_000 {
            bus.subscribe().recv().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(reading.join().unwrap(), publishing.join().unwrap());
    });
}

#[test]
fn a_leaving_subscriber_lets_a_waiting_publisher_go_on() {
    let bus = Bus::new(2);
    let publisher = bus.publisher();
    let lazy = bus.subscribe();
    let mut busy = bus.subscribe();
    thread::scope(|scope| {
        scope.spawn(|| publisher.publish_batch(0..10).unwrap());
        assert_eq!(busy.recv(), Ok(0));
        assert_eq!(busy.recv(), Ok(1));
        drop(lazy);
        assert!((2..10).all(|message| busy.recv() == Ok(message)));
    });
}
