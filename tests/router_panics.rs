//! A handler that panics is reported, and its neighbours do not notice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use stentor::{Batch, Bus, Drain, Fate, Handler, OnPanic, PanicReport, Router};

/// A router of one thread that notes the panics it is told of.
fn noting(bus: &Bus<u64>) -> (Router<u64>, Arc<Mutex<Vec<PanicReport>>>) {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&reports);
    let router = Router::builder(bus)
        .on_panic(move |report| noted.lock().unwrap().push(report.clone()))
        .start()
        .unwrap();
    (router, reports)
}

#[test]
fn one_that_panics_is_removed_and_the_neighbours_lose_nothing() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let (router, reports) = noting(&bus);
    let next = Arc::new(AtomicU64::new(0));
    let neighbour = || {
        let next = Arc::clone(&next);
        let mut own = 0;
        move |n: &u64| {
            assert_eq!(*n, own);
            own += 1;
            next.fetch_add(1, Ordering::Relaxed);
        }
    };
    router.handle("before", neighbour());
    router.handle("fragile", |n| assert!(*n != 40, "forty"));
    router.handle("after", neighbour());
    (0..1000).for_each(|n| publisher.publish(n).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!(next.load(Ordering::Relaxed), 2000);
    let fragile = report.handler("fragile").unwrap();
    assert_eq!((fragile.fate, fragile.handled, fragile.panics), (Fate::Panicked, 40, 1));
    assert_eq!(fragile.last_panic.as_deref(), Some("forty"));
    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 1);
    let PanicReport { name, message, panics, policy, .. } = &reports[0];
    assert_eq!((&**name, &**message, *panics, *policy), ("fragile", "forty", 1, OnPanic::Remove));
}

#[test]
fn one_that_goes_on_loses_only_the_message_in_which_it_panicked() {
    let bus = Bus::builder().capacity(256).retain(200).build();
    let publisher = bus.publisher();
    (0..200).for_each(|n| publisher.publish(n).unwrap());
    let (router, reports) = noting(&bus);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let by_handler = Arc::clone(&seen);
    router.handler("stubborn").from(stentor::Start::Oldest).on_panic(OnPanic::Continue).handle(
        move |n: &u64| {
            assert!(n % 50 != 7, "{n}");
            by_handler.lock().unwrap().push(*n);
        },
    );
    let report = router.shutdown(Drain::Yes);
    assert_eq!(*seen.lock().unwrap(), (0..200).filter(|n| n % 50 != 7).collect::<Vec<_>>());
    assert_eq!((report.handled(), report.panics(), report.left()), (196, 4, 0));
    assert_eq!(report.handlers[0].last_panic.as_deref(), Some("157"));
    let said: Vec<_> =
        reports.lock().unwrap().iter().map(|report| report.message.clone()).collect();
    assert_eq!(said, ["7", "57", "107", "157"]);
}

#[test]
fn a_batch_in_which_it_panicked_counts_as_read_but_for_what_was_excluded() {
    let bus = Bus::builder().capacity(64).retain(10).build();
    let publisher = bus.publisher();
    (0..10).for_each(|n| publisher.publish(n).unwrap());
    let router = Router::builder(&bus).batch(5).start().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let by_handler = Arc::clone(&seen);
    let mut calls = 0;
    router.handler("b").from(stentor::Start::Oldest).on_panic(OnPanic::Continue).handle_batch(
        move |mut batch: Batch<'_, u64>| {
            by_handler.lock().unwrap().push(Vec::from_iter(batch.iter().copied()));
            calls += 1;
            match calls {
                1 => batch.consume(2),
                2 => {}
                _ => return,
            }
            panic!("call {calls}");
        },
    );
    let report = router.shutdown(Drain::Yes);
    assert_eq!(*seen.lock().unwrap(), [vec![0, 1, 2, 3, 4], vec![2, 3, 4, 5, 6], vec![7, 8, 9]]);
    assert_eq!((report.panics(), report.left()), (2, 0));
}

#[test]
fn filters_and_flushes_and_destructors_may_panic_as_well() {
    struct Bomb;
    impl Handler<u64> for Bomb {
        fn handle(&mut self, _: &u64) {}
        fn flush(&mut self) {
            panic!("flush");
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("drop");
        }
    }
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let (router, reports) = noting(&bus);
    let count = Arc::new(AtomicU64::new(0));
    let (each, batches) = (Arc::clone(&count), Arc::clone(&count));
    let fussy = |n: &u64| {
        assert!(n % 4 != 1, "filter");
        n % 4 != 2
    };
    let options = || router.handler("f").on_panic(OnPanic::Continue).filter(fussy);
    options().handle(move |_| {
        each.fetch_add(1, Ordering::Relaxed);
    });
    options().handle_batch(move |batch| {
        batches.fetch_add(batch.len() as u64, Ordering::Relaxed);
    });
    let bomb = router.handler("bomb").run(Bomb);
    (0..8).for_each(|n| publisher.publish(n).unwrap());
    while !bomb.has_ended() {
        thread::yield_now();
    }
    let report = router.shutdown(Drain::Yes);
    assert_eq!(count.load(Ordering::Relaxed), 8);
    let books: Vec<_> =
        report.handlers.iter().map(|h| (h.handled, h.skipped, h.panics, h.left)).collect();
    assert_eq!(books[..2], [(4, 2, 2, 0), (4, 2, 2, 0)]);
    assert_eq!((report.handlers[2].fate, report.handlers[2].panics), (Fate::Panicked, 2));
    assert_eq!(reports.lock().unwrap().len(), 6);
}

#[test]
fn publishers_do_not_stall_on_one_that_panicked() {
    let bus = Bus::new(4);
    let publisher = bus.publisher();
    let (router, _) = noting(&bus);
    let handler = router.handle("dead", |_| panic!("at once"));
    (0..1000).for_each(|n| publisher.publish(n).unwrap());
    while !handler.has_ended() {
        thread::yield_now();
    }
    let stats = router.stats();
    assert_eq!((stats.handlers.len(), stats.handlers[0].fate), (1, Some(Fate::Panicked)));
    assert_eq!(handler.remove().fate, Fate::Panicked);
    assert!(router.stats().handlers.is_empty(), "who was told of it need not keep it");
    assert!(bus.stats().subscribers.is_empty());
}

#[test]
fn hooks_that_panic_and_payloads_that_panic_when_dropped_harm_nobody() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("payload");
        }
    }
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).on_panic(|_| panic!("hook")).start().unwrap();
    router.handler("nasty").on_panic(OnPanic::Continue).handle(|_: &u64| {
        std::panic::resume_unwind(Box::new(Payload));
    });
    router.handle("neighbour", |_| {});
    (0..10).for_each(|n| publisher.publish(n).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.panics(), report.handler("neighbour").unwrap().handled), (10, 10));
    assert_eq!(report.handlers[0].last_panic.as_deref(), Some("a panic without words"));
}
