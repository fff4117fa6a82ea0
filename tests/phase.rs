//! Whether one thread publishes or many do, and whenever that changes, nothing is lost or reordered.

use std::sync::Barrier;
use std::thread;
use stentor::{Bus, Publisher, Subscriber};

type Message = (usize, u64);

/// Each of `publishers` must have come through as `0..each`.
fn assert_complete(subscriber: Subscriber<Message>, publishers: usize, each: u64) {
    let mut next = vec![0; publishers];
    for (id, number) in subscriber {
        assert_eq!(number, next[id], "of publisher {id}");
        next[id] += 1;
    }
    assert_eq!(next, vec![each; publishers]);
}

fn publish(publisher: &Publisher<Message>, id: usize, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| publisher.publish((id, number)).unwrap());
}

#[test]
fn threads_take_turns_with_clones() {
    const ROUNDS: u64 = 100;
    let bus = Bus::new(64);
    let first = bus.publisher();
    let publishers = [first.clone(), first.clone(), first];
    let subscriber = bus.subscribe();
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        for (id, publisher) in publishers.into_iter().enumerate() {
            let barrier = &barrier;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    for turn in 0..3 {
                        if turn == id {
                            publish(&publisher, id, round * 20..(round + 1) * 20);
                        }
                        barrier.wait();
                    }
                }
            });
        }
        scope.spawn(|| assert_complete(subscriber, 3, ROUNDS * 20));
    });
}

#[test]
fn threads_share_one_publisher() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let subscriber = bus.subscribe();
    thread::scope(|scope| {
        let reading = scope.spawn(|| assert_complete(subscriber, 3, 10_000));
        thread::scope(|scope| {
            for id in 0..3 {
                let publisher = &publisher;
                scope.spawn(move || publish(publisher, id, 0..10_000));
            }
        });
        bus.close();
        reading.join().unwrap();
    });
}

#[test]
fn one_thread_uses_many_publishers() {
    let bus = Bus::new(16);
    let publishers: Vec<_> = (0..10).map(|_| bus.publisher()).collect();
    let mut subscriber = bus.subscribe();
    for number in 0..500 {
        for (id, publisher) in publishers.iter().enumerate() {
            publisher.try_publish((id, number)).unwrap();
            assert_eq!(subscriber.try_recv(), Ok((id, number)));
        }
    }
}

#[test]
fn publishers_join_and_leave_mid_stream() {
    const GUESTS: usize = 200;
    let bus = Bus::new(32);
    let steady = bus.publisher();
    let subscriber = bus.subscribe();
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut next = vec![0; GUESTS + 1];
            for (id, number) in subscriber {
                assert_eq!(number, next[id], "of publisher {id}");
                next[id] += 1;
            }
            next
        });
        thread::scope(|scope| {
            scope.spawn(|| publish(&steady, 0, 0..20_000));
            for id in 1..=GUESTS {
                let guest = bus.publisher();
                scope.spawn(move || publish(&guest, id, 0..50)).join().unwrap();
            }
        });
        drop(steady);
        let counts = reading.join().unwrap();
        assert_eq!(counts[0], 20_000);
        assert!(counts[1..].iter().all(|&count| count == 50));
    });
}

#[test]
fn every_way_to_publish_mixes_with_every_other() {
    let bus = Bus::<Message>::new(16);
    let publishers: Vec<_> = (0..3).map(|_| bus.publisher()).collect();
    let subscriber = bus.subscribe();
    thread::scope(|scope| {
        for (id, publisher) in publishers.into_iter().enumerate() {
            scope.spawn(move || {
                for n in (0..6_000).step_by(6) {
                    publish(&publisher, id, n..n + 1);
                    publisher.publish_batch([(id, n + 1), (id, n + 2)]).unwrap();
                    publisher.publish_with(|slot| *slot = (id, n + 3)).unwrap();
                    let (third, last) = ((id, n + 4), [(id, n + 5)]);
                    futures_executor::block_on(publisher.publish_async(third)).unwrap();
                    futures_executor::block_on(publisher.publish_batch_async(last)).unwrap();
                }
            });
        }
        scope.spawn(|| assert_complete(subscriber, 3, 6_000));
    });
}
