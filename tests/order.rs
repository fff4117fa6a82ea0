//! Every subscriber sees the same total order, and each publisher's messages keep theirs.

use std::thread;
use stentor::Bus;

/// `publishers` publish `each` messages `(publisher, number)`; gives what each subscriber saw.
fn race(capacity: usize, publishers: u64, each: u64, subscribers: usize) -> Vec<Vec<(u64, u64)>> {
    let bus = Bus::new(capacity);
    let handles: Vec<_> = (0..publishers).map(|_| bus.publisher()).collect();
    let readers: Vec<_> = (0..subscribers).map(|_| bus.subscribe()).collect();
    thread::scope(|scope| {
        for (id, publisher) in handles.into_iter().enumerate() {
            scope.spawn(move || {
                for number in 0..each {
                    publisher.publish((id as u64, number)).unwrap();
                }
            });
        }
        let readers: Vec<_> =
            readers.into_iter().map(|reader| scope.spawn(move || reader.collect())).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    })
}

fn assert_in_order(seen: &[Vec<(u64, u64)>], publishers: u64, each: u64) {
    for other in seen {
        assert!(other == &seen[0], "two subscribers saw different orders");
    }
    for publisher in 0..publishers {
        let of_it = seen[0].iter().filter(|message| message.0 == publisher).map(|m| m.1);
        assert!(of_it.eq(0..each), "publisher {publisher}: lost, repeated or reordered");
    }
    assert_eq!(seen[0].len() as u64, publishers * each);
}

#[test]
fn all_subscribers_see_one_order() {
    assert_in_order(&race(64, 3, 20_000, 4), 3, 20_000);
}

#[test]
fn one_publisher_keeps_its_order() {
    assert_in_order(&race(64, 1, 50_000, 3), 1, 50_000);
}

#[test]
fn more_publishers_than_slots_share_a_ring_of_one() {
    assert_in_order(&race(1, 4, 500, 2), 4, 500);
}

#[test]
fn more_publishers_than_slots_share_a_ring_of_two() {
    assert_in_order(&race(2, 5, 500, 2), 5, 500);
}

#[test]
fn batches_of_several_publishers_keep_their_order() {
    let bus = Bus::new(64);
    let publishers: Vec<_> = (0..3).map(|_| bus.publisher()).collect();
    let readers = [bus.subscribe(), bus.subscribe()];
    let seen: Vec<Vec<(u64, u64)>> = thread::scope(|scope| {
        for (id, publisher) in (0u64..).zip(publishers) {
            scope.spawn(move || {
                for run in 0..100 {
                    let messages: Vec<_> = (run * 90..(run + 1) * 90).map(|n| (id, n)).collect();
                    publisher.publish_batch(messages).unwrap();
                }
            });
        }
        let readers = readers.map(|reader| scope.spawn(move || reader.collect()));
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    assert_in_order(&seen, 3, 9_000);
}
