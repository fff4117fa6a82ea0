//! Several publishers: order, slots that are used again, the lane and its owners.

#![cfg(stentor_loom)]

use loom::thread::spawn;
use loom_tests::{bus, drain_all, model, model_within, share_lane};
use stentor::Subscriber;

/// What can be read without waiting.
fn read_all(subscriber: &mut Subscriber<u64>) -> Vec<u64> {
    std::iter::from_fn(|| subscriber.try_recv().ok()).collect()
}

#[test]
fn two_publishers_one_order() {
    model(|| {
        let bus = bus(2);
        let (mut one, mut other) = (bus.subscribe(), bus.subscribe());
        let (publisher, second) = (bus.publisher(), bus.publisher());
        let thread = spawn(move || second.publish(1).unwrap());
        publisher.publish(0).unwrap();
        let mut seen = read_all(&mut one);
        thread.join().unwrap();
        seen.extend(read_all(&mut one));
        assert!(seen == [0, 1] || seen == [1, 0], "{seen:?}");
        assert_eq!(seen, read_all(&mut other));
    });
}

#[test]
fn wrap_around_more_publishers_than_slots() {
    model(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        share_lane(&publisher);
        let second = publisher.clone();
        let thread = spawn(move || second.publish(2).unwrap());
        publisher.publish(3).unwrap();
        thread.join().unwrap();
        assert_eq!(bus.published(), 4);
    });
}

#[test]
fn reader_makes_room_for_two_publishers() {
    model(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        share_lane(&publisher);
        let mut subscriber = bus.subscribe();
        publisher.publish(2).unwrap();
        let threads = [3, 4].map(|message| {
            let publisher = publisher.clone();
            spawn(move || publisher.try_publish(message).is_ok().then_some(message))
        });
        assert_eq!(subscriber.try_recv(), Ok(2));
        let published: Vec<_> = threads.into_iter().filter_map(|t| t.join().unwrap()).collect();
        drop(publisher);
        assert_eq!(drain_all(&mut subscriber), published);
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
        let owner = bus.publisher();
        share_lane(&owner);
        let second = owner.clone();
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

#[test]
fn batch_of_owner_against_second_publisher() {
    model(|| {
        let bus = bus(4);
        let mut subscriber = bus.subscribe();
        let (owner, second) = (bus.publisher(), bus.publisher());
        owner.publish(0).unwrap();
        let thread = spawn(move || {
            // Who takes the lane reads as well: what the owner wrote comes to it by taking alone.
            second.publish(10).unwrap();
            (read_all(&mut subscriber), subscriber)
        });
        owner.publish_batch([1, 2]).unwrap();
        let (mut seen, mut subscriber) = thread.join().unwrap();
        seen.extend(read_all(&mut subscriber));
        let own: Vec<_> = seen.iter().copied().filter(|message| *message < 10).collect();
        assert_eq!((own, seen.len()), (vec![0, 1, 2], 4));
    });
}

#[test]
fn limit_of_owner_is_good_for_who_takes_the_lane() {
    model_within(1, || {
        let bus = bus(4);
        let mut subscriber = bus.subscribe();
        let (owner, second) = (bus.publisher(), bus.publisher());
        owner.publish_batch([0, 1, 2, 3]).unwrap();
        // Reads all, and makes room for four.
        let reader = spawn(move || (read_all(&mut subscriber), subscriber));
        // Takes the lane after the owner has found that room and published two, or before.
        let taker = spawn(move || usize::from(second.try_publish(6).is_ok()));
        owner.publish_batch([4, 5]).unwrap();
        let accepted = 6 + taker.join().unwrap();
        let (mut seen, mut subscriber) = reader.join().unwrap();
        seen.extend(read_all(&mut subscriber));
        assert_eq!(seen.len(), accepted);
    });
}

#[test]
fn run_claimed_at_once_against_second_publisher() {
    model(|| {
        let bus = bus(2);
        let publisher = bus.publisher();
        share_lane(&publisher);
        let second = publisher.clone();
        let mut subscriber = bus.subscribe();
        // Both are claimed at once, unless the other was first: then there is room for one of them.
        let thread = spawn(move || publisher.publish_batch([10, 11]).unwrap());
        let accepted = usize::from(second.try_publish(2).is_ok());
        let mut seen = read_all(&mut subscriber);
        thread.join().unwrap();
        seen.extend(read_all(&mut subscriber));
        let run: Vec<_> = seen.iter().copied().filter(|message| *message >= 10).collect();
        assert_eq!((run, seen.len()), (vec![10, 11], 2 + accepted));
    });
}

#[test]
fn reader_trusts_what_a_publisher_found_published() {
    model(|| {
        let bus = bus(1);
        let publisher = bus.publisher();
        share_lane(&publisher);
        let mut subscriber = bus.subscribe();
        let threads = [2, 3].map(|message| {
            let publisher = publisher.clone();
            spawn(move || publisher.try_publish(message).is_ok())
        });
        drop(publisher);
        let mut seen: Vec<_> = subscriber.try_recv().into_iter().collect();
        let accepted = threads.map(|thread| thread.join().unwrap());
        seen.extend(drain_all(&mut subscriber));
        assert_eq!(seen.len(), accepted.iter().filter(|accepted| **accepted).count());
    });
}

#[test]
fn late_publisher_does_not_undo_what_the_owner_published() {
    model(|| {
        let bus = bus(4);
        let mut subscriber = bus.subscribe();
        let (publisher, late) = (bus.publisher(), bus.publisher());
        // It may have found the frontier, and note it only when the other owns the lane.
        let thread = spawn(move || late.publish(10).unwrap());
        (0..2).for_each(|message| publisher.publish(message).unwrap());
        thread.join().unwrap();
        // All can be read at once; nobody takes the lane from its owner and puts things right.
        let seen = std::iter::from_fn(|| subscriber.try_recv().ok()).count();
        assert_eq!(seen, 3);
    });
}
