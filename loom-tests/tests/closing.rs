//! What was accepted is received, and `Closed` comes after it.

#![cfg(stentor_loom)]

use loom::thread::{spawn, yield_now};
use loom_tests::{bus, drain_all, model};
use stentor::TryRecvError;

#[test]
fn close_against_publish_and_receive() {
    model(|| {
        let bus = bus(1);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let publishing = spawn(move || publisher.try_publish(0).is_ok());
        let closing = spawn(move || bus.close());
        let seen = drain_all(&mut subscriber);
        assert_eq!(seen.len(), usize::from(publishing.join().unwrap()));
        closing.join().unwrap();
    });
}

#[test]
fn close_against_owner() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let closing = spawn(move || bus.close());
        let accepted = 1 + usize::from(publisher.publish(1).is_ok());
        assert_eq!(drain_all(&mut subscriber).len(), accepted);
        closing.join().unwrap();
        assert!(publisher.try_publish(2).is_err());
    });
}

#[test]
fn close_against_sleeping_subscriber() {
    model(|| {
        let bus = bus(2);
        let mut subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let reading = spawn(move || drain_all(&mut subscriber));
        publisher.publish(0).unwrap();
        bus.close();
        assert_eq!(reading.join().unwrap(), [0]);
    });
}

#[test]
fn close_against_full_publisher() {
    model(|| {
        let bus = bus(1);
        let _subscriber = bus.subscribe();
        let publisher = bus.publisher();
        let publishing = spawn(move || {
            let accepted = (0..2).take_while(|message| publisher.publish(*message).is_ok()).count();
            (accepted, publisher)
        });
        bus.close();
        let (accepted, publisher) = publishing.join().unwrap();
        assert!(accepted < 2 && bus.published() == accepted as u64);
        drop(publisher);
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

#[test]
fn last_bus_dropped_against_new_publisher() {
    model(|| {
        let bus = bus(1);
        let other = bus.clone();
        let thread = spawn(move || {
            let publisher = other.publisher();
            drop(other);
            publisher.publish(0).unwrap();
        });
        drop(bus);
        thread.join().unwrap();
    });
}
