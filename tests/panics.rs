//! A panic in the user's code stalls nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use stentor::{Bus, TryRecvError};

/// Runs what is to panic.
fn panics<R>(f: impl FnOnce() -> R) {
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err(), "this was to panic");
}

#[test]
fn a_panicking_iterator_publishes_what_it_gave_and_leaves_no_hole() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let other = bus.publisher();
    let mut subscriber = bus.subscribe();
    panics(|| publisher.publish_batch((0..8).map(|n| if n == 3 { panic!("iterator") } else { n })));
    other.publish(100).unwrap();
    publisher.publish(101).unwrap();
    drop((publisher, other));
    assert_eq!(subscriber.by_ref().collect::<Vec<_>>(), [0, 1, 2, 100, 101]);
}

#[test]
fn a_panicking_clone_counts_as_read() {
    #[derive(Debug)]
    struct Fragile(u32);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 1, "clone");
            Self(self.0)
        }
    }
    let bus = Bus::new(2);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish(Fragile(1)).unwrap();
    publisher.publish(Fragile(2)).unwrap();
    panics(|| subscriber.recv());
    assert_eq!(subscriber.recv().unwrap().0, 2);
    publisher.try_publish(Fragile(3)).unwrap();
    assert_eq!(subscriber.recv().unwrap().0, 3);
}

#[test]
fn a_panicking_drop_of_an_old_message_holds_up_nobody() {
    struct Bomb(u32);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert_ne!(self.0, 0, "drop");
        }
    }
    let bus = Bus::<Bomb>::new(2);
    let publisher = bus.publisher();
    let other = bus.publisher();
    let mut subscriber = bus.subscribe();
    let mut read = || subscriber.try_read(1).map(|batch| batch.iter().next().unwrap().0);
    publisher.publish(Bomb(0)).unwrap();
    publisher.publish(Bomb(1)).unwrap();
    assert_eq!(read(), Ok(0));
    // Takes the place of the bomb: published nevertheless.
    panics(|| publisher.publish(Bomb(2)));
    assert_eq!((read(), read()), (Ok(1), Ok(2)));
    for n in 3..10 {
        other.publish(Bomb(n)).unwrap();
        publisher.publish(Bomb(n + 100)).unwrap();
        assert_eq!((read(), read()), (Ok(n), Ok(n + 100)));
    }
}

#[test]
fn a_panicking_drop_in_the_bus_spares_the_others() {
    static ARMED: AtomicBool = AtomicBool::new(true);
    static DROPS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
            assert!(!ARMED.swap(false, Ordering::Relaxed), "drop");
        }
    }
    let bus = Bus::new(8);
    let publisher = bus.publisher();
    (0..5).for_each(|_| publisher.publish(Bomb).unwrap());
    drop(publisher);
    panics(|| drop(bus));
    assert_eq!(DROPS.load(Ordering::Relaxed), 5);
}

#[test]
fn a_panicking_writer_in_place_publishes_nothing() {
    let bus = Bus::<u64>::new(4);
    let publisher = bus.publisher();
    let other = bus.publisher();
    let mut subscriber = bus.subscribe();
    for round in 0..10 {
        panics(|| publisher.publish_with(|_: &mut u64| panic!("write")));
        assert_eq!(subscriber.try_recv(), Err(TryRecvError::Empty));
        publisher.publish_with(|slot| *slot = round).unwrap();
        other.publish(round + 100).unwrap();
        assert_eq!(subscriber.recv(), Ok(round));
        assert_eq!(subscriber.recv(), Ok(round + 100));
    }
}

#[test]
fn a_panic_while_a_batch_is_read_lets_publishers_go_on() {
    let bus = Bus::new(2);
    let publisher = bus.publisher();
    let mut subscriber = bus.subscribe();
    publisher.publish_batch([1, 2]).unwrap();
    panics(|| {
        let batch = subscriber.read(2).unwrap();
        assert!(batch.is_empty(), "handler");
    });
    publisher.try_publish(3).unwrap();
    assert_eq!(subscriber.recv(), Ok(3));
}
