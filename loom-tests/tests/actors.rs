//! Addresses lead to the actor they were given for or to nobody; what a mailbox has accepted is handled or comes
//! to whoever empties it; and after a shutdown nobody sends.

#![cfg(stentor_loom)]

use std::sync::Arc;

use loom::future::block_on;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread::spawn;
use loom_tests::{model, model_within};
use stentor::model::{Place, SendGate, close, push, registry, stop};
use stentor::{ActorAddress, ActorRegistry, MessageEnvelope};

/// Sends a message past the broker; whether it was accepted.
fn send(registry: &ActorRegistry<u64>, to: ActorAddress, message: u64) -> bool {
    let Some(mailbox) = registry.resolve(&to) else { return false };
    mailbox.try_send(MessageEnvelope::new(message)).is_ok()
}

/// All that an actor handles until it ends.
fn handle(place: &mut Place) -> Vec<u64> {
    std::iter::from_fn(|| block_on(place.next())).collect()
}

// ===== a mailbox =====

#[test]
fn actor_never_misses_a_message() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 4);
        let to = place.address();
        let sending = spawn(move || {
            assert!(send(&registry, to, 1));
            assert!(send(&registry, to, 2));
        });
        assert_eq!(block_on(place.next()), Some(1));
        assert_eq!(block_on(place.next()), Some(2));
        sending.join().unwrap();
    });
}

#[test]
fn push_against_close() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 4);
        let to = place.address();
        let sending = {
            let registry = registry.clone();
            spawn(move || [1, 2].map(|message| send(&registry, to, message)))
        };
        let closing = {
            let registry = registry.clone();
            spawn(move || close(&registry, to))
        };
        let handled = handle(&mut place);
        let left = place.move_out();
        closing.join().unwrap();
        let accepted = sending.join().unwrap();
        // None is accepted after one that was not.
        assert!(accepted[0] || !accepted[1]);
        let accepted = accepted.iter().filter(|accepted| **accepted).count();
        assert_eq!((handled.as_slice(), left.as_slice()), (&[1, 2][..accepted], &[][..]));
    });
}

#[test]
fn push_against_stop() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 4);
        let to = place.address();
        let sending = {
            let registry = registry.clone();
            spawn(move || [1, 2].map(|message| send(&registry, to, message)))
        };
        assert!(stop(&registry, to));
        let mut seen = handle(&mut place);
        seen.extend(place.move_out());
        let accepted = sending.join().unwrap();
        let accepted = accepted.iter().filter(|accepted| **accepted).count();
        assert_eq!(seen, &[1, 2][..accepted]);
        assert!(!stop(&registry, to));
    });
}

#[test]
fn stop_wakes_an_actor() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 4);
        let to = place.address();
        let stopping = spawn(move || assert!(stop(&registry, to)));
        assert_eq!(block_on(place.next()), None);
        stopping.join().unwrap();
    });
}

#[test]
fn restart_against_send() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 4);
        let to = place.address();
        assert!(send(&registry, to, 0));
        let sending = {
            let registry = registry.clone();
            spawn(move || {
                assert!(send(&registry, to, 1) && send(&registry, to, 2));
                close(&registry, to);
            })
        };
        // It panics with the first; what it had becomes dead letters, and another goes on.
        assert_eq!(block_on(place.next()), Some(0));
        let mut seen = place.clear();
        seen.extend(handle(&mut place));
        assert_eq!(seen, [1, 2]);
        sending.join().unwrap();
    });
}

#[test]
fn router_that_waits_for_room_is_woken() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 1);
        let to = place.address();
        let routing = {
            let registry = registry.clone();
            spawn(move || {
                block_on(async { push(&registry, to, 1).await && push(&registry, to, 2).await })
            })
        };
        assert_eq!(block_on(place.next()), Some(1));
        assert_eq!(block_on(place.next()), Some(2));
        assert!(routing.join().unwrap());
    });
}

#[test]
fn router_that_waits_for_room_is_woken_by_closing() {
    model(|| {
        let registry = registry();
        let place = Place::move_in(&registry, 1);
        let to = place.address();
        assert!(send(&registry, to, 1));
        let routing = {
            let registry = registry.clone();
            spawn(move || block_on(push(&registry, to, 2)))
        };
        // The actor is in the middle of something, and neither makes room nor moves out.
        close(&registry, to);
        assert!(!routing.join().unwrap());
        assert_eq!(place.move_out(), [1]);
    });
}

#[test]
fn router_that_waits_for_room_is_woken_by_the_end() {
    model(|| {
        let registry = registry();
        let mut place = Place::move_in(&registry, 1);
        let to = place.address();
        assert!(send(&registry, to, 1));
        let routing = {
            let registry = registry.clone();
            spawn(move || block_on(push(&registry, to, 2)))
        };
        let closing = spawn(move || close(&registry, to));
        let handled = handle(&mut place);
        assert!(place.move_out().is_empty());
        closing.join().unwrap();
        assert_eq!(handled.len(), 1 + usize::from(routing.join().unwrap()));
    });
}

// ===== the registry =====

#[test]
fn stale_address_never_reaches_the_successor() {
    model(|| {
        let registry = registry();
        let first = Place::move_in(&registry, 4);
        let stale = first.address();
        let sending = {
            let registry = registry.clone();
            spawn(move || send(&registry, stale, 1))
        };
        let mut seen = first.move_out();
        let second = Place::move_in(&registry, 4);
        // It lives in the same cell.
        assert_ne!(second.address(), stale);
        assert!(!stop(&registry, stale));
        let accepted = sending.join().unwrap();
        assert!(send(&registry, second.address(), 2));
        assert_eq!(second.move_out(), [2]);
        assert!(seen.pop().is_some() == accepted);
        assert!(registry.is_empty());
    });
}

#[test]
fn spawn_against_stop() {
    model(|| {
        let registry = registry();
        let first = Place::move_in(&registry, 4);
        let spawning = {
            let registry = registry.clone();
            spawn(move || {
                let second = Place::move_in(&registry, 4);
                let to = second.address();
                // Whoever moves out meanwhile takes nothing along that is the newcomer's.
                assert_eq!(registry.resolve(&to).map(|mailbox| mailbox.address()), Some(to));
                assert!(send(&registry, to, 1));
                second.move_out()
            })
        };
        assert_eq!(first.move_out(), []);
        assert_eq!(spawning.join().unwrap(), [1]);
        assert!(registry.is_empty() && registry.addresses().is_empty());
    });
}

#[test]
fn who_is_looked_up_can_be_sent_to() {
    model(|| {
        let registry = registry();
        let spawning = {
            let registry = registry.clone();
            spawn(move || Place::named(&registry, Some("name"), 4))
        };
        let found = registry.lookup("name");
        let accepted = found.is_some_and(|found| send(&registry, found, 1));
        assert_eq!(found.is_some(), accepted);
        assert_eq!(spawning.join().unwrap().move_out().len(), usize::from(accepted));
    });
}

#[test]
fn name_is_free_when_its_actor_has_moved_out() {
    model(|| {
        let registry = registry();
        let first = Place::named(&registry, Some("name"), 4);
        let looking = {
            let registry = registry.clone();
            spawn(move || registry.lookup("name").map(|found| send(&registry, found, 1)))
        };
        let left = first.move_out();
        let second = Place::named(&registry, Some("name"), 4);
        assert_eq!(registry.lookup("name"), Some(second.address()));
        let sent = looking.join().unwrap() == Some(true);
        assert_eq!(left.len() + second.move_out().len(), usize::from(sent));
        assert_eq!(registry.lookup("name"), None);
    });
}

// ===== the gate =====

#[test]
fn shutdown_against_send() {
    model_within(3, || {
        let (gate, sent) = (Arc::new(SendGate::new()), Arc::new(AtomicU64::new(0)));
        let sending = {
            let (gate, sent) = (Arc::clone(&gate), Arc::clone(&sent));
            spawn(move || gate.pass(|| sent.store(1, Ordering::Relaxed)).is_some())
        };
        block_on(gate.close());
        // Nobody is inside any more, and what was done there is seen.
        let seen = sent.load(Ordering::Relaxed);
        let let_in = sending.join().unwrap();
        assert_eq!(seen, u64::from(let_in));
        assert!(gate.pass(|| ()).is_none());
    });
}

#[test]
fn shutdown_against_two_sends() {
    model(|| {
        let (gate, sent) = (Arc::new(SendGate::new()), Arc::new(AtomicU64::new(0)));
        let send = || {
            let (gate, sent) = (Arc::clone(&gate), Arc::clone(&sent));
            spawn(move || gate.pass(|| sent.fetch_add(1, Ordering::Relaxed)).is_some())
        };
        let sending = [send(), send()];
        block_on(gate.close());
        let seen = sent.load(Ordering::Relaxed);
        let let_in = sending.map(|sending| u64::from(sending.join().unwrap()));
        assert_eq!(seen, let_in.iter().sum::<u64>());
    });
}
