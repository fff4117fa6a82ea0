//! Several publishers: order, slots that are used again, the lane and its owners.

#![cfg(stentor_loom)]

use loom::thread::spawn;
use loom_tests::{bus, drain_all, model};

#[test]
fn two_publishers_one_order() {
    model(|| {
        let bus = bus(2);
        let (mut one, mut other) = (bus.subscribe(), bus.subscribe());
        let publishers = [bus.publisher(), bus.publisher()];
        let threads = (0..)
            .zip(publishers)
            .map(|(message, publisher)| spawn(move || publisher.publish(message).unwrap()));
        let threads: Vec<_> = threads.collect();
        let seen = drain_all(&mut one);
        assert!(seen == [0, 1] || seen == [1, 0], "{seen:?}");
        assert_eq!(seen, drain_all(&mut other));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn wrap_around_more_publishers_than_slots() {
    model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscribe();
        let publishers = [bus.publisher(), bus.publisher()];
        let threads = (0..)
            .zip(publishers)
            .map(|(message, publisher)| spawn(move || publisher.publish(message).unwrap()));
        let threads: Vec<_> = threads.collect();
        let mut seen = drain_all(&mut subscriber);
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn owner_gives_way_to_second_publisher() {
    model(|| {
        let bus = bus(4);
        let mut subscriber = bus.subscribe();
        let (owner, second) = (bus.publisher(), bus.publisher());
        // The first message makes this thread the owner of the lane.
        owner.publish(0).unwrap();
        let thread = spawn(move || second.publish(10).unwrap());
        owner.publish(1).unwrap();
        owner.publish(2).unwrap();
        drop(owner);
        let seen = drain_all(&mut subscriber);
        let own: Vec<_> = seen.iter().copied().filter(|message| *message < 10).collect();
        assert_eq!((own, seen.len()), (vec![0, 1, 2], 4));
        thread.join().unwrap();
    });
}

#[test]
fn owner_gives_way_again_after_it_came_back() {
    model(|| {
        let bus = bus(2);
        let (owner, second) = (bus.publisher(), bus.publisher());
        owner.publish(0).unwrap();
        second.publish(0).unwrap();
        let third = second.clone();
        spawn(move || third.publish(0).unwrap()).join().unwrap();
        // Long enough alone to be the owner again, in spite of the interruption.
        (0..20).for_each(|_| owner.publish(0).unwrap());
        let mut subscriber = bus.subscribe();
        let thread = spawn(move || second.publish(10).unwrap());
        owner.publish(1).unwrap();
        drop(owner);
        let mut seen = drain_all(&mut subscriber);
        seen.sort_unstable();
        assert_eq!(seen, [1, 10]);
        thread.join().unwrap();
    });
}
