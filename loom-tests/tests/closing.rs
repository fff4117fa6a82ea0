//! What was accepted is received, and `Closed` comes after it.

#![cfg(stentor_loom)]

use loom::thread::{spawn, yield_now};
use loom_tests::{bus, drain_all, model};
use stentor::TryRecvError;

#[test]
fn close_against_publish_and_receive() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let publishing = spawn(move || {
            (0..2).take_while(|message| publisher.publish(*message).is_ok()).collect::<Vec<u64>>()
        });
        let closing = spawn(move || bus.close());
        let seen = drain_all(&mut subscriber);
        assert_eq!(seen, publishing.join().unwrap());
        closing.join().unwrap();
    });
}

#[test]
fn last_publisher_dropped_against_try_recv() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let thread = spawn(move || {
            publisher.publish(0).unwrap();
            publisher.publish(1).unwrap();
        });
        let mut seen = Vec::new();
        loop {
            match subscriber.try_recv() {
                Ok(message) => seen.push(message),
                Err(TryRecvError::Closed) => break,
                Err(_) => yield_now(),
            }
        }
        assert_eq!(seen, [0, 1]);
        thread.join().unwrap();
    });
}
