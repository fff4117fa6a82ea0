//! However a router ends, it says what has become of the messages, and holds nobody up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use stentor::{Bus, Drain, Fate, Router, Start};

/// A handler that says when it has begun with a message, and waits to be let go on.
fn gated() -> (Sender<()>, mpsc::Receiver<u64>, impl FnMut(&u64) + Send + 'static) {
    let (gate, opened) = mpsc::channel();
    let (begun, begins) = mpsc::channel();
    (gate, begins, move |n: &u64| {
        let _ = begun.send(*n);
        let _ = opened.recv();
    })
}

#[test]
fn draining_reads_what_was_published_before_and_no_more() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    for index in 0..4 {
        router.handle(format!("{index}"), |_: &u64| {});
    }
    let over = Arc::new(AtomicBool::new(false));
    let publishing = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                publisher.publish(n).unwrap();
                n += 1;
            }
        }
    });
    while bus.published() < 1000 {
        thread::yield_now();
    }
    let report = router.shutdown(Drain::Yes);
    over.store(true, Ordering::Relaxed);
    publishing.join().unwrap();
    let handled: Vec<u64> = report.handlers.iter().map(|handler| handler.handled).collect();
    assert!(report.handlers.iter().all(|handler| handler.fate == Fate::Drained));
    // They were added one after the other to a bus on which nothing was published yet, so they end alike.
    assert!(handled.iter().all(|count| *count == handled[0] && *count >= 1000), "{handled:?}");
}

#[test]
fn without_draining_the_rest_is_left() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).batch(1).start().unwrap();
    let (gate, begins, handler) = gated();
    router.handle("gated", handler);
    router.handle("idle", |_| {});
    (0..10).for_each(|n| publisher.publish(n).unwrap());
    assert_eq!(begins.recv(), Ok(0));
    let ending = thread::spawn(move || router.shutdown(Drain::No));
    // Whether it has asked by now or not, the handler's thread finds out after this batch or after later ones.
    drop(gate);
    let report = ending.join().unwrap();
    let gated = report.handler("gated").unwrap();
    assert_eq!(gated.handled + gated.left, 10);
    let idle = report.handler("idle").unwrap();
    assert_eq!(idle.handled + idle.left, 10);
}

#[test]
fn a_stuck_handler_holds_up_a_shutdown_only_for_the_time_given() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let (gate, begins, handler) = gated();
    router.handler("stuck").on_thread(0).handle(handler);
    router.handler("free").on_thread(1).handle(|_| {});
    (0..10).for_each(|n| publisher.publish(n).unwrap());
    assert_eq!(begins.recv(), Ok(0));
    let report = router.shutdown(Drain::Within(Duration::from_millis(5)));
    let free = report.handler("free").unwrap();
    assert_eq!((free.fate, free.handled, free.left), (Fate::Drained, 10, 0));
    let stuck = report.handler("stuck").unwrap();
    assert_eq!((stuck.fate, stuck.handled, stuck.left), (Fate::Stuck, 0, 10));
    drop(gate);
    // Its thread ends when it returns: the subscription goes with it.
    while !bus.stats().subscribers.is_empty() {
        thread::yield_now();
    }
}

#[test]
fn draining_within_time_is_draining() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    router.handle("quick", |_: &u64| {});
    (0..50).for_each(|n| publisher.publish(n).unwrap());
    let report = router.shutdown(Drain::Within(Duration::from_secs(3600)));
    assert_eq!((report.handled(), report.handlers[0].fate), (50, Fate::Drained));
}

#[test]
fn dropping_drains_nothing_and_waits_for_the_batch() {
    let bus = Bus::builder().capacity(1024).retain(1000).build();
    let publisher = bus.publisher();
    (0..1000).for_each(|n| publisher.publish(n).unwrap());
    let router = Router::builder(&bus).batch(1).start().unwrap();
    let (gate, begins, handler) = gated();
    router.handler("gated").from(Start::Oldest).handle(handler);
    assert_eq!(begins.recv(), Ok(0));
    // It cannot return before the drop has given up on it.
    drop(router);
    drop(gate);
    while !bus.stats().subscribers.is_empty() {
        thread::yield_now();
    }
    assert!(begins.iter().count() < 999, "the rest was not read");
}

#[test]
fn a_router_may_be_dropped_and_shut_down_by_its_own_handlers() {
    for shut_down in [false, true] {
        let bus = Bus::new(16);
        let publisher = bus.publisher();
        let router = Router::builder(&bus).threads(2).start().unwrap();
        let (place, own) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU64::new(0)));
        let (within, calls) = (Arc::clone(&place), Arc::clone(&own));
        router.handler("suicide").on_thread(0).handle(move |_: &u64| {
            calls.fetch_add(1, Ordering::Relaxed);
            let router: Option<Router<u64>> = within.lock().unwrap().take();
            match router {
                Some(router) if shut_down => drop(router.shutdown(Drain::Yes)),
                router => drop(router),
            }
        });
        router.handler("other").on_thread(1).handle(|_| {});
        *place.lock().unwrap() = Some(router);
        publisher.publish(1).unwrap();
        while !bus.stats().subscribers.is_empty() {
            thread::yield_now();
        }
        assert_eq!(own.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn handlers_may_remove_themselves_and_each_other_and_add_more() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let router = Arc::new(Router::builder(&bus).threads(2).start().unwrap());
    let handles = Arc::new(Mutex::new(Vec::new()));
    for thread in 0..2 {
        let (router, known) = (Arc::downgrade(&router), Arc::clone(&handles));
        let by = router.upgrade().unwrap();
        let handle = by.handler("mutual").on_thread(thread).handle(move |_: &u64| {
            if let Some(router) = router.upgrade() {
                router.handle("offspring", |_| {});
            }
            for handle in known.lock().unwrap().drain(..) {
                let _: stentor::HandlerReport = stentor::HandlerHandle::remove(handle);
            }
        });
        handles.lock().unwrap().push(handle);
    }
    publisher.publish(1).unwrap();
    while router.stats().handlers.iter().any(|handler| handler.name == "mutual") {
        thread::yield_now();
    }
    // Each was called with the one message, unless the other had removed it before.
    let offspring = router.stats().handlers.len();
    assert!((1..=2).contains(&offspring), "{offspring}");
    publisher.publish(2).unwrap();
    let report = Arc::into_inner(router).unwrap().shutdown(Drain::Yes);
    assert!(report.handlers.iter().all(|handler| handler.handled >= 1));
}

#[test]
fn a_group_that_outlives_its_router_takes_nobody_in() {
    let bus = Bus::<u64>::new(16);
    let router = Router::builder(&bus).start().unwrap();
    let group = router.group("g").handlers([|_: &u64| {}]);
    let member = group.members()[0].clone();
    router.shutdown(Drain::No);
    assert!(member.has_ended());
    assert_eq!(member.remove().fate, Fate::Drained);
    let error = group.try_join(|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the router has been shut down");
    assert!(bus.stats().subscribers.is_empty());
}

#[test]
fn an_idle_router_ends_at_once() {
    let bus = Bus::<u64>::new(16);
    drop(Router::builder(&bus).threads(3).start().unwrap());
    let report = Router::builder(&bus).name("idle").start().unwrap().shutdown(Drain::Yes);
    assert_eq!((report.name.as_str(), report.handlers.len()), ("idle", 0));
}
