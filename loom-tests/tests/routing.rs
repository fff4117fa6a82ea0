//! Handlers on a router thread that come and go, and the end of the router, while a publisher runs.

#![cfg(stentor_loom)]

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use loom::thread::{JoinHandle, spawn};
use loom_tests::{bus, model, model_within, parking};
use stentor::{Bus, Drain, Fate, Publisher, Router};

/// What handlers were called with. Not part of the model: it orders nothing.
type Seen = Arc<Mutex<Vec<u64>>>;

fn note(seen: &Seen) -> impl FnMut(&u64) + Send + 'static {
    let seen = Arc::clone(seen);
    move |message| seen.lock().unwrap().push(*message)
}

/// Notes messages, and panics in the first that it, or another of these, is called with.
fn note_and_die(seen: &Seen, died: &Arc<AtomicBool>) -> impl FnMut(&u64) + Send + 'static {
    let (seen, died) = (Arc::clone(seen), Arc::clone(died));
    move |message| {
        seen.lock().unwrap().push(*message);
        if !died.swap(true, Ordering::Relaxed) {
            // Without the hook, which would print it in every run.
            resume_unwind(Box::new("dies"));
        }
    }
}

fn router(bus: &Bus<u64>) -> Router<u64> {
    threads(bus, 1)
}

fn threads(bus: &Bus<u64>, threads: usize) -> Router<u64> {
    Router::builder(bus).threads(threads).wait(parking()).start().unwrap()
}

/// Publishes so many messages on a thread of its own, which gives the publisher back, so that the bus stays
/// open.
fn publish(bus: &Bus<u64>, count: u64) -> JoinHandle<Publisher<u64>> {
    let publisher = bus.publisher();
    spawn(move || {
        (0..count).for_each(|message| publisher.publish(message).unwrap());
        publisher
    })
}

/// A publisher whose thread owns the lane, having published message 0: it has less to do for the next ones,
/// and so there is less to explore.
fn owner(bus: &Bus<u64>) -> Publisher<u64> {
    let publisher = bus.publisher();
    publisher.publish(0).unwrap();
    publisher
}

#[test]
fn handler_added_to_a_running_thread() {
    model_within(1, || {
        let bus = bus(1);
        let publisher = owner(&bus);
        let router = router(&bus);
        let seen = Seen::default();
        let adding = spawn({
            let (bus, seen) = (bus.clone(), Arc::clone(&seen));
            move || {
                let handler = router.handle("h", note(&seen));
                (bus.stats().subscribers[0].cursor, handler, router)
            }
        });
        (1..3).for_each(|message| publisher.publish(message).unwrap());
        let (start, handler, router) = adding.join().unwrap();
        let report = router.shutdown(Drain::Yes);
        // It read from where it began; the cursor that was looked at may have moved already.
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen, (3 - seen.len() as u64..3).collect::<Vec<_>>());
        assert!(seen.len() as u64 + start >= 3, "{seen:?} from {start}");
        assert_eq!((report.handled(), report.left()), (seen.len() as u64, 0));
        drop((handler, publisher));
    });
}

#[test]
fn handler_removed_from_a_running_thread() {
    model_within(1, || {
        let bus = bus(1);
        let publisher = owner(&bus);
        let router = router(&bus);
        let seen = Seen::default();
        let handler = router.handle("h", note(&seen));
        publisher.publish(1).unwrap();
        let removing = spawn(move || handler.remove());
        // Full with one unread message: the publisher gets on only if the handler reads, or is gone.
        publisher.publish(2).unwrap();
        let report = removing.join().unwrap();
        assert_eq!(report.fate, Fate::Removed);
        let handled = Arc::into_inner(seen).expect("the closure is gone").into_inner().unwrap();
        assert_eq!(handled, (1..=report.handled).collect::<Vec<_>>());
        drop((publisher, router));
    });
}

#[test]
fn shutdown_that_drains_against_publisher() {
    model(|| {
        let bus = bus(2);
        let router = router(&bus);
        let seen = Seen::default();
        router.handle("h", note(&seen));
        let publishing = publish(&bus, 2);
        let before = bus.published();
        let report = router.shutdown(Drain::Yes);
        let handled = Arc::into_inner(seen).expect("the closure is gone").into_inner().unwrap();
        assert_eq!(handled, (0..report.handled()).collect::<Vec<_>>());
        assert!(report.handled() >= before && report.left() == 0, "{report:?}");
        drop(publishing.join().unwrap());
    });
}

#[test]
fn router_dropped_against_publisher() {
    model(|| {
        let bus = bus(1);
        let router = router(&bus);
        let seen = Seen::default();
        router.handle("h", note(&seen));
        let publishing = publish(&bus, 2);
        drop(router);
        let handled = Arc::into_inner(seen).expect("the closure is gone").into_inner().unwrap();
        assert!(handled.is_sorted() && handled.len() <= 2);
        drop(publishing.join().unwrap());
    });
}

#[test]
fn handler_added_to_a_router_that_ends() {
    model(|| {
        let bus = bus(2);
        let router = router(&bus);
        let group = router.group("g").handlers(Vec::<fn(&u64)>::new());
        let ending = spawn(move || router.shutdown(Drain::Yes));
        // Whoever has it in the end lets go of it: nobody waits for it in vain.
        if let Ok(member) = group.try_join(|_| {}) {
            member.remove();
        }
        drop(ending.join().unwrap());
    });
}

#[test]
fn member_that_joins_against_a_member_at_work() {
    model(|| {
        let bus = bus(4);
        let publisher = bus.publisher();
        publisher.publish(0).unwrap();
        let router = router(&bus);
        let seen = Seen::default();
        let group = router.group("g").handlers([note(&seen)]);
        // The router's thread publishes the message of sequence 2, and it is for the newcomer if that is there
        // in time: so the member may have begun with it when the newcomer's sequence is chosen.
        let mut once = Some(bus.publisher());
        router.handle("source", move |_| {
            if let Some(publisher) = once.take() {
                publisher.publish(2).unwrap();
            }
        });
        publisher.publish(1).unwrap();
        group.join(note(&seen));
        let report = router.shutdown(Drain::Yes);
        let seen = seen.lock().unwrap().clone();
        let all = if seen.len() > 1 { vec![1, 2] } else { vec![1] };
        assert!(seen == all && report.left() == 0, "{seen:?} {report:?}");
        drop(publisher);
    });
}

#[test]
fn member_that_leaves_against_a_publisher() {
    model_within(1, || {
        let bus = bus(4);
        let publisher = owner(&bus);
        let router = router(&bus);
        let seen = Seen::default();
        let group = router.group("g").handlers([note(&seen), note(&seen)]);
        publisher.publish(1).unwrap();
        let leaving = spawn(move || group.members()[0].clone().remove());
        publisher.publish(2).unwrap();
        let report = leaving.join().unwrap();
        assert_eq!((report.fate, report.left), (Fate::Removed, 0));
        router.shutdown(Drain::Yes);
        let mut handled = seen.lock().unwrap().clone();
        handled.sort_unstable();
        assert_eq!(handled, [1, 2]);
        drop(publisher);
    });
}

/// All messages are one member's, which dies in the first of them; the other, on one of so many threads, has
/// to handle the second.
fn member_dies(router_threads: usize) {
    model(move || {
        let bus = bus(4);
        let publisher = bus.publisher();
        let router = threads(&bus, router_threads);
        let (seen, died) = (Seen::default(), Arc::default());
        let members = [note_and_die(&seen, &died), note_and_die(&seen, &died)];
        router.group("g").key(|_| 0).handlers(members);
        publisher.publish(0).unwrap();
        publisher.publish(1).unwrap();
        let report = router.shutdown(Drain::Yes);
        assert_eq!(*seen.lock().unwrap(), [0, 1]);
        assert_eq!((report.handled(), report.panics(), report.left()), (1, 1, 0), "{report:?}");
        drop(publisher);
    });
}

#[test]
fn member_that_dies_on_the_thread_of_its_heir() {
    member_dies(1);
}

#[test]
fn member_that_dies_while_its_heir_is_at_work() {
    member_dies(2);
}
