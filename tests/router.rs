//! Handlers on router threads: added, removed, fair to each other, and over when they are told to be.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use stentor::{
    Batch, Bus, Drain, Fate, Handler, Overflow, Pin, Pinned, Router, RouterError, Start,
    SubscribeError, WaitStrategy,
};

/// Messages seen by a handler: their number and their sum.
#[derive(Clone, Default)]
struct Books(Arc<(AtomicU64, AtomicU64)>);

impl Books {
    fn take(&self, message: u64) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        self.0.1.fetch_add(message, Ordering::Relaxed);
    }

    fn read(&self) -> (u64, u64) {
        (self.0.0.load(Ordering::Relaxed), self.0.1.load(Ordering::Relaxed))
    }
}

/// Count and sum of `1..=n`.
fn all(n: u64) -> (u64, u64) {
    (n, n * (n + 1) / 2)
}

fn hundred_handlers(threads: usize, wait: WaitStrategy) {
    let bus = Bus::new(256);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(threads).wait(wait).start().unwrap();
    let books: Vec<Books> = (0..100).map(|_| Books::default()).collect();
    for (index, books) in books.iter().cloned().enumerate() {
        let mut last = 0;
        router.handle(format!("{index}"), move |n: &u64| {
            assert_eq!(*n, last + 1, "in order");
            last = *n;
            books.take(*n);
        });
    }
    let stats = router.stats();
    assert!(stats.threads.iter().all(|thread| thread.handlers == 100 / threads), "{stats:?}");
    let count = 20_000;
    (1..=count).for_each(|n| publisher.publish(n).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!(report.handlers.len(), 100);
    assert_eq!((report.handled(), report.left(), report.panics()), (100 * count, 0, 0));
    assert!(report.handlers.iter().all(|handler| handler.fate == Fate::Drained));
    assert!(books.iter().all(|books| books.read() == all(count)));
}

#[test]
fn a_hundred_handlers_on_one_thread() {
    hundred_handlers(1, WaitStrategy::Adaptive);
}

#[test]
fn a_hundred_handlers_on_two_threads() {
    hundred_handlers(2, WaitStrategy::Yield);
}

#[test]
fn a_lone_message_wakes_a_parked_thread() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let (sender, receiver) = mpsc::channel();
    router.handle("echo", move |n: &u64| sender.send(*n).unwrap());
    for n in 0..20 {
        thread::sleep(Duration::from_micros(200 * n));
        publisher.publish(n).unwrap();
        assert_eq!(receiver.recv(), Ok(n));
    }
}

#[test]
fn handlers_come_and_go_under_load_and_lose_nothing() {
    let bus = Bus::new(128);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let steady = Books::default();
    let books = steady.clone();
    router.handle("steady", move |n: &u64| books.take(*n));
    let over = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let published = scope.spawn(|| {
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                n += 1;
                publisher.publish(n).unwrap();
            }
            n
        });
        for _ in 0..200 {
            let seen = Arc::new(Mutex::new((0, 0)));
            let by_handler = Arc::clone(&seen);
            let handler = router.handle("guest", move |n: &u64| {
                let mut seen = by_handler.lock().unwrap();
                assert!(seen.0 == 0 || *n == seen.1 + 1, "{n} after {}", seen.1);
                *seen = (seen.0 + 1, *n);
            });
            while handler.stats().messages == 0 {
                thread::yield_now();
            }
            let report = handler.remove();
            assert_eq!(report.fate, Fate::Removed);
            // What it owned is gone, so this is all there will ever be.
            let seen = Arc::into_inner(seen).expect("the closure is dropped").into_inner().unwrap();
            assert_eq!(seen.0, report.handled);
        }
        over.store(true, Ordering::Relaxed);
        published.join().unwrap()
    });
    let report = router.shutdown(Drain::Yes);
    assert_eq!(report.handlers.len(), 1, "the guests are gone");
    assert_eq!(steady.read(), all(count));
}

#[test]
fn a_backlog_does_not_starve_the_neighbours() {
    let bus = Bus::builder().capacity(4096).retain(2000).build();
    let publisher = bus.publisher();
    publisher.publish_batch(Vec::from_iter(0..2000)).unwrap();
    let router = Router::builder(&bus).batch(10).start().unwrap();
    let (gate, opened) = mpsc::channel::<()>();
    let turns = Arc::new(Mutex::new(Vec::new()));
    let (first, second) = (Arc::clone(&turns), Arc::clone(&turns));
    let mut is_shut = true;
    router.handler("first").from(Start::Oldest).handle(move |_| {
        if std::mem::take(&mut is_shut) {
            opened.recv().unwrap();
        }
        first.lock().unwrap().push('a');
    });
    router.handler("second").from(Start::Oldest).handle(move |_| second.lock().unwrap().push('b'));
    gate.send(()).unwrap();
    router.shutdown(Drain::Yes);
    let turns = turns.lock().unwrap().iter().collect::<String>();
    // The second may have been added when the first had begun; from then on they take turns.
    let alone = turns.find('b').unwrap();
    assert!(alone == 10 || alone == 20, "{turns}");
    let round = format!("{}{}", "a".repeat(10), "b".repeat(10));
    let both = 2000 - (alone - 10);
    assert_eq!(turns[alone - 10..][..2 * both], round.repeat(both / 10));
    assert_eq!(turns.len(), 4000);
}

#[test]
fn batches_say_where_they_end_and_may_be_consumed_in_part() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).batch(4).start().unwrap();
    let (sender, receiver) = mpsc::channel();
    router.handle_batch("pairs", move |mut batch: Batch<'_, u64>| {
        let pair: Vec<u64> = batch.iter().take(2).copied().collect();
        batch.consume(pair.len());
        sender.send((pair, batch.len())).unwrap();
    });
    publisher.publish_batch(Vec::from_iter(0..7)).unwrap();
    let report = router.shutdown(Drain::Yes);
    assert_eq!(report.handled(), 7);
    let calls: Vec<_> = receiver.iter().collect();
    assert_eq!(
        calls.iter().flat_map(|(pair, _)| pair).copied().collect::<Vec<_>>(),
        Vec::from_iter(0..7)
    );
    assert!(calls.iter().all(|(_, len)| *len <= 4));
}

#[test]
fn a_batch_that_is_not_consumed_waits_for_more() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let (sender, receiver) = mpsc::channel();
    let handler = router.handle_batch("patient", move |mut batch: Batch<'_, u64>| {
        if batch.len() < 3 {
            batch.consume(0);
        }
        sender.send(batch.len()).unwrap();
    });
    publisher.publish(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(handler.stats().messages, 0);
    publisher.publish_batch([2, 3]).unwrap();
    assert!(receiver.iter().any(|len| len == 3));
    assert_eq!(router.shutdown(Drain::Yes).handled(), 3);
}

#[test]
fn handlers_are_flushed_at_the_end_of_a_batch() {
    #[derive(Default)]
    struct Pages {
        page: Vec<u64>,
        pages: Arc<Mutex<Vec<Vec<u64>>>>,
    }
    impl Handler<u64> for Pages {
        fn handle(&mut self, message: &u64) {
            self.page.push(*message);
        }
        fn flush(&mut self) {
            self.pages.lock().unwrap().push(std::mem::take(&mut self.page));
        }
    }
    let bus = Bus::builder().capacity(64).retain(10).build();
    let publisher = bus.publisher();
    publisher.publish_batch(Vec::from_iter(0..10)).unwrap();
    let router = Router::builder(&bus).batch(4).start().unwrap();
    let pages = Pages::default();
    let written = Arc::clone(&pages.pages);
    router.handler("pages").from(Start::Oldest).filter(|n| n % 2 == 1).run(pages);
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.handled(), report.handlers[0].skipped), (5, 5));
    assert_eq!(*written.lock().unwrap(), [[1, 3, 5, 7, 9]], "one page: more was waiting before");
}

#[test]
fn filters_and_topics_pick_in_place_and_count_what_they_skip() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).batch(5).start().unwrap();
    let (evens, runs, words) =
        (Books::default(), Arc::new(Mutex::new(Vec::new())), Books::default());
    let (by_evens, by_runs, by_words) = (evens.clone(), Arc::clone(&runs), words.clone());
    router
        .handler("evens")
        .filter(|n: &Result<u64, String>| matches!(n, Ok(n) if n % 2 == 0))
        .handle(move |n| by_evens.take(*n.as_ref().unwrap()));
    router.handler("runs").filter(|n: &Result<u64, String>| n.is_ok()).handle_batch(move |batch| {
        by_runs.lock().unwrap().extend(batch.iter().map(|n| *n.as_ref().unwrap()));
        assert!(batch.iter().all(Result::is_ok));
    });
    router
        .handler("words")
        .topic(|n: &Result<u64, String>| n.as_ref().err().map(String::as_str))
        .handle(move |word: &str| by_words.take(word.len() as u64));
    for n in 0..60 {
        let message = if n % 3 == 0 { Err("xyz".to_owned()) } else { Ok(n) };
        publisher.publish(message).unwrap();
    }
    let report = router.shutdown(Drain::Yes);
    let books = |name| report.handler(name).map(|handler| (handler.handled, handler.skipped));
    assert_eq!(books("evens"), Some((20, 40)));
    assert_eq!(books("runs"), Some((40, 20)));
    assert_eq!(books("words"), Some((20, 40)));
    assert_eq!(words.read(), (20, 60));
    assert_eq!(*runs.lock().unwrap(), (0..60).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    assert_eq!(evens.read().0, 20);
}

#[test]
fn stages_come_after_handlers_and_subscribers() {
    let bus = Bus::new(32);
    let publisher = bus.publisher();
    let mut gate = bus.subscribe();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let (by_journal, by_business) = (Arc::clone(&written), Arc::clone(&written));
    // The one that comes first is added last on its thread: what matters is the cursor.
    let journal = router.handler("journal").on_thread(1).handle(move |n: &u64| {
        by_journal.store(*n, Ordering::Release);
    });
    let business =
        router.handler("business").on_thread(0).after(&[&journal, &gate]).handle(move |n| {
            assert!(by_business.load(Ordering::Acquire) >= *n);
        });
    (1..=10).for_each(|n| publisher.publish(n).unwrap());
    while journal.stats().lag > 0 {
        thread::yield_now();
    }
    assert_eq!(business.stats().messages, 0, "the gate has read nothing");
    while let Ok(batch) = gate.try_read(3) {
        drop(batch);
    }
    drop(gate);
    (11..=1000).for_each(|n| publisher.publish(n).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.handled(), report.panics()), (2000, 0));
}

#[test]
fn lossy_handlers_hold_nobody_up_and_count_what_they_lose() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let (gate, opened) = mpsc::channel::<()>();
    let slow = router.handler("slow").overflow(Overflow::DropOldest).on_thread(0).handle_batch(
        move |batch| {
            drop(batch);
            let _ = opened.recv();
        },
    );
    let steady = router.handler("steady").on_thread(1).handle(|_| {});
    (0..1000).for_each(|n: u64| publisher.publish(n).unwrap());
    drop(gate);
    let report = router.shutdown(Drain::Yes);
    let slow = report.handlers.iter().find(|handler| handler.id == slow.id()).unwrap();
    assert_eq!(slow.handled + slow.dropped + slow.left, 1000);
    assert!(slow.dropped > 0 && slow.left == 0, "{slow:?}");
    let steady = report.handlers.iter().find(|handler| handler.id == steady.id()).unwrap();
    assert_eq!(steady.handled, 1000);
}

#[test]
fn what_is_lost_while_a_filter_looks_is_not_handled() {
    let bus = Bus::new(64);
    let (publisher, inner) = (bus.publisher(), bus.publisher());
    let router = Router::builder(&bus).start().unwrap();
    // It is reading, so publishers ask it to jump once it has let go of the first message.
    let filter = move |n: &u64| {
        while *n == 0 && inner.try_publish(1).is_ok() {}
        *n > 0
    };
    let slow = router.handler("slow").overflow(Overflow::DropOldest).filter(filter);
    slow.handle_batch(|batch| drop(batch));
    publisher.publish(0).unwrap();
    while router.stats().handlers[0].skipped == 0 {
        thread::yield_now();
    }
    let report = router.shutdown(Drain::Yes);
    let slow = report.handler("slow").unwrap();
    assert!(slow.dropped > 0 && slow.skipped == 1, "{slow:?}");
    assert_eq!(slow.handled + slow.skipped + slow.dropped + slow.left, bus.published());
}

#[test]
fn what_was_lost_is_not_left() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let (gate, opened) = mpsc::channel::<()>();
    let (entering, entered) = mpsc::channel();
    let slow = router.handler("slow").overflow(Overflow::DropOldest).handle_batch(move |batch| {
        drop(batch);
        let _ = entering.send(());
        let _ = opened.recv();
    });
    publisher.publish(0).unwrap();
    entered.recv().unwrap();
    (1..1000).for_each(|n: u64| publisher.publish(n).unwrap());
    slow.stop();
    drop(gate);
    let slow = slow.remove();
    assert!(slow.dropped > 0 && slow.left > 0, "{slow:?}");
    assert_eq!((slow.handled, slow.handled + slow.dropped + slow.left), (1, 1000), "{slow:?}");
}

#[test]
fn handlers_end_with_the_bus() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let handler = router.handle("last", |_: &u64| {});
    publisher.publish_batch(Vec::from_iter(0..50)).unwrap();
    drop(publisher);
    while !handler.has_ended() {
        thread::yield_now();
    }
    let stats = router.stats();
    assert_eq!((stats.handlers[0].messages, stats.handlers[0].fate), (50, Some(Fate::Closed)));
    assert_eq!(stats.threads[0].handlers, 0);
    let late = router.handle("late", |_| {});
    assert_eq!(late.remove().handled, 0);
    assert_eq!(router.shutdown(Drain::Yes).handlers.len(), 1);
}

#[test]
fn impossible_things_are_refused_by_name() {
    let bus = Bus::<u64>::new(16);
    let error = Router::builder(&bus).threads(0).start().unwrap_err();
    assert_eq!(error.to_string(), "a router of 0 threads: expected 1 to 1024");
    assert!(matches!(error, RouterError::Threads { threads: 0 }));
    let error = Router::builder(&bus).batch(0).start().unwrap_err();
    assert!(matches!(error, RouterError::Batch { batch: 0 }));
    let error = Router::builder(&bus).watchdog(Duration::ZERO, |_| {}).start().unwrap_err();
    assert!(matches!(error, RouterError::Threshold));

    let router = Router::builder(&bus).threads(2).start().unwrap();
    let error = router.handler("x").on_thread(2).try_handle(|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "no thread 2 in a router of 2: expected 0 to 1");
    let other = Bus::<u64>::new(16).subscriber().name("other").subscribe();
    let error = router.handler("x").after(&[&other]).try_handle(|_| {}).unwrap_err();
    assert!(matches!(error, RouterError::Subscribe(SubscribeError::AfterOtherBus { .. })));
    assert!(bus.stats().subscribers.is_empty(), "nothing is left behind");
}

#[test]
fn cores_that_do_not_exist_are_a_fact_in_stats() {
    let bus = Bus::<u64>::new(16);
    let router = Router::builder(&bus).threads(3).pin([100_000, 1000]).start().unwrap();
    let pinned: Vec<_> = router.stats().threads.into_iter().map(|thread| thread.pinned).collect();
    assert!(matches!(pinned[0], Pinned::Refused { core: Some(100_000), .. }), "{pinned:?}");
    assert!(matches!(pinned[1], Pinned::Refused { core: Some(1000), .. }), "{pinned:?}");
    assert!(matches!(pinned[2], Pinned::Refused { core: None, .. }), "{pinned:?}");
    let handler = router.handle("runs anyway", |_| {});
    bus.publisher().publish(1).unwrap();
    while !handler.has_ended() {
        thread::yield_now();
    }
    assert_eq!(handler.stats().messages, 1);
}

#[test]
fn unpinned_threads_say_so() {
    let bus = Bus::<u64>::new(16);
    let router = Router::builder(&bus).pin(Pin::No).start().unwrap();
    assert_eq!(router.stats().threads[0].pinned, Pinned::No);
}
