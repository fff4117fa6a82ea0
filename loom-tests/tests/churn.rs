//! Longer scenarios than loom can explore, under random and priority schedules. Shuttle knows no memory
//! orderings (everything is sequentially consistent): these look for wrong protocols, not weak ones.

#![cfg(stentor_shuttle)]

use loom_tests::{bus, drain, drain_all};
use shuttle::future::block_on;
use shuttle::thread::spawn;
use stentor::{Overflow, RecvError};

/// Runs a scenario under many schedules. `STENTOR_SHUTTLE_SCHEDULES` is how many of each kind.
fn schedules(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    let count = std::env::var("STENTOR_SHUTTLE_SCHEDULES").map_or(4_000, |n| n.parse().unwrap());
    shuttle::check_random(scenario.clone(), count);
    shuttle::check_pct(scenario, count, 3);
}

/// The messages of publisher `who`, in order.
fn messages(who: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| 100 * who + n)
}

/// The messages of each publisher are in order, none twice, and none missing in between.
fn assert_in_order(seen: &[u64]) {
    for who in 0..10 {
        let own: Vec<_> = by(who, seen).collect();
        assert!(own.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{own:?}");
    }
}

/// So many messages of each publisher are there, from its first, and no others.
fn assert_all(seen: &[u64], published: &[(u64, u64)]) {
    for (who, count) in published {
        assert!(by(*who, seen).eq(messages(*who, *count)), "{count} of {who}: {seen:?}");
    }
    assert_eq!(seen.len() as u64, published.iter().map(|(_, count)| count).sum());
}

fn by(who: u64, seen: &[u64]) -> impl Iterator<Item = u64> {
    seen.iter().copied().filter(move |message| message / 100 == who)
}

#[test]
fn everybody_comes_and_goes() {
    schedules(|| {
        let bus = bus(4);
        let mut audit = bus.subscribe();
        let mut lossy = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        let mut evictable = bus.subscriber().overflow(Overflow::Evict).subscribe();
        let publishers = [1, 2, 3].map(|who| {
            let publisher = bus.publisher();
            spawn(move || {
                for message in messages(who, 6) {
                    // Another handle for each message: the last one closes the bus.
                    publisher.clone().publish(message).unwrap();
                }
            })
        });
        let churn = spawn({
            let bus = bus.clone();
            move || {
                for _ in 0..4 {
                    let mut guest = bus.subscribe();
                    let seen: Vec<_> = guest.by_ref().take(2).collect();
                    assert_in_order(&seen);
                }
            }
        });
        let lossy = spawn(move || drain(&mut lossy));
        let evictable = spawn(move || drain(&mut evictable));

        let seen = drain_all(&mut audit);
        assert_all(&seen, &[(1, 6), (2, 6), (3, 6)]);
        let (heard, lost, end) = lossy.join().unwrap();
        assert_eq!((heard.len() as u64 + lost, end), (18, RecvError::Closed));
        assert!(is_subsequence(&heard, &seen), "{heard:?} of {seen:?}");
        let (heard, _, end) = evictable.join().unwrap();
        assert!(seen.starts_with(&heard), "{heard:?} of {seen:?}");
        assert!(heard.len() == 18 || matches!(end, RecvError::Evicted(_)), "{heard:?}, {end:?}");
        churn.join().unwrap();
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    });
}

fn is_subsequence(some: &[u64], all: &[u64]) -> bool {
    let mut all = all.iter();
    some.iter().all(|message| all.any(|other| other == message))
}

#[test]
fn guests_among_publishers() {
    schedules(|| {
        // Nobody but the guests holds publishers back, so none of them gets far without looking for guests.
        let bus = bus(1);
        let publishers = [1, 2, 3].map(|who| (who, bus.publisher()));
        let publishers = publishers.map(|(who, publisher)| {
            spawn(move || messages(who, 6).for_each(|n| publisher.publish(n).unwrap()))
        });
        for _ in 0..4 {
            let seen: Vec<_> = bus.subscribe().by_ref().take(4).collect();
            assert_in_order(&seen);
        }
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    });
}

#[test]
fn one_order_while_the_lane_changes_hands() {
    schedules(|| {
        let bus = bus(8);
        let (mut one, mut other) = (bus.subscribe(), bus.subscribe());
        // Long enough to be the owner again after an interruption.
        let threads = [(1, 60), (2, 3), (3, 3)].map(|(who, count)| {
            let publisher = bus.publisher();
            spawn(move || messages(who, count).for_each(|n| publisher.publish(n).unwrap()))
        });
        let reader = spawn(move || drain_all(&mut other));
        let seen = drain_all(&mut one);
        assert_all(&seen, &[(1, 60), (2, 3), (3, 3)]);
        assert_eq!(reader.join().unwrap(), seen);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn close_in_the_middle() {
    schedules(|| {
        let bus = bus(2);
        let (mut one, mut other) = (bus.subscribe(), bus.subscribe());
        let publishers = [1, 2].map(|who| {
            let publisher = bus.publisher();
            spawn(move || messages(who, 8).take_while(|n| publisher.publish(*n).is_ok()).count())
        });
        let reader = spawn(move || drain_all(&mut other));
        let closing = spawn(move || bus.close());
        let seen = drain_all(&mut one);
        assert_eq!(reader.join().unwrap(), seen);
        let [one, other] = publishers.map(|publisher| publisher.join().unwrap() as u64);
        assert_all(&seen, &[(1, one), (2, other)]);
        closing.join().unwrap();
    });
}

#[test]
fn tasks_and_threads_at_one_bell() {
    schedules(|| {
        let bus = bus(2);
        let mut thread = bus.subscribe();
        let mut task = bus.subscribe();
        let (by_thread, by_task) = (bus.publisher(), bus.publisher());
        let publishers = [
            spawn(move || messages(1, 6).for_each(|n| by_thread.publish(n).unwrap())),
            spawn(move || {
                block_on(async {
                    for message in messages(2, 6) {
                        by_task.publish_async(message).await.unwrap();
                    }
                });
            }),
        ];
        let tasked = spawn(move || {
            block_on(async {
                let mut seen = Vec::new();
                while let Ok(message) = task.recv_async().await {
                    seen.push(message);
                }
                seen
            })
        });
        let seen = drain_all(&mut thread);
        assert_all(&seen, &[(1, 6), (2, 6)]);
        assert_eq!(tasked.join().unwrap(), seen);
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    });
}
