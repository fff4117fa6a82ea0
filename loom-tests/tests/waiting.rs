//! Nobody sleeps for ever. The other side stays where it is until the sleeper is up, so that no
//! closing or leaving wakes it by accident; a missed wake-up is a deadlock, which loom reports.

#![cfg(stentor_loom)]

use loom::future::block_on;
use loom::thread::spawn;
use loom_tests::{bus, model};

#[test]
fn thread_never_misses_a_wakeup() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            assert_eq!(subscriber.recv(), Ok(0));
            assert_eq!(subscriber.recv(), Ok(1));
            subscriber
        });
        publisher.publish(0).unwrap();
        publisher.publish(1).unwrap();
        drop(thread.join().unwrap());
    });
}

#[test]
fn task_never_misses_a_wakeup() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            block_on(async {
                assert_eq!(subscriber.recv_async().await, Ok(0));
                assert_eq!(subscriber.recv_async().await, Ok(1));
            });
            subscriber
        });
        publisher.publish(0).unwrap();
        publisher.publish(1).unwrap();
        drop(thread.join().unwrap());
    });
}

#[test]
fn publisher_never_misses_room() {
    model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            publisher.publish(0).unwrap();
            publisher.publish(1).unwrap();
            publisher
        });
        assert_eq!(subscriber.recv(), Ok(0));
        drop(thread.join().unwrap());
        assert_eq!(subscriber.recv(), Ok(1));
    });
}

#[test]
fn publishing_task_never_misses_room() {
    model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let thread = spawn(move || {
            block_on(publisher.publish_async(1)).unwrap();
            publisher
        });
        assert_eq!(subscriber.recv(), Ok(0));
        drop(thread.join().unwrap());
        assert_eq!(subscriber.recv(), Ok(1));
    });
}
