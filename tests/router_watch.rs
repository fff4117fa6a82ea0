//! What can be seen of a router from outside.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use stentor::{Bus, Drain, Pin, Pinned, Router};

#[test]
fn a_stuck_handler_is_told_of_once_for_each_batch() {
    let bus = Bus::new(16);
    let publisher = bus.publisher();
    let (told, tells) = mpsc::channel();
    let threshold = Duration::from_millis(4);
    let router = Router::builder(&bus)
        .name("desk")
        .watchdog(threshold, move |stuck| told.send(stuck.clone()).unwrap())
        .start()
        .unwrap();
    let (gate, opened) = mpsc::channel::<()>();
    let handler = router.handle("stuck", move |_: &u64| opened.recv().unwrap());
    let neighbour = router.handle("neighbour", |_| {});
    for episode in 1..=3 {
        publisher.publish(episode).unwrap();
        let stuck = tells.recv().unwrap();
        assert_eq!((&*stuck.router, &*stuck.name, &*stuck.thread), ("desk", "stuck", "desk-0"));
        assert_eq!(stuck.id, handler.id());
        assert!(stuck.running >= threshold);
        let stats = handler.stats();
        assert!(stats.running.is_some_and(|running| running >= threshold), "{stats:?}");
        let waiting = neighbour.stats();
        // It waits behind the stuck one, and was through before.
        assert!(
            waiting.lag <= 1 && (waiting.lag == 0 || waiting.waiting >= threshold),
            "{waiting:?}"
        );
        // Longer than the watchdog needs for another look: it does not tell again.
        thread::sleep(threshold * 3);
        assert!(tells.try_recv().is_err());
        gate.send(()).unwrap();
        while handler.stats().messages < episode {
            thread::yield_now();
        }
    }
    let stats = router.stats();
    assert!(stats.handlers[0].busy >= threshold * 3, "{stats:?}");
    assert!(stats.threads[0].busy >= stats.handlers[0].busy);
    assert_eq!(stats.handlers[0].waiting, Duration::ZERO);
    drop(router);
    assert!(tells.recv().is_err(), "the watchdog ends with the router");
}

#[test]
fn one_slow_member_is_visible() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let (gate, opened) = mpsc::channel::<()>();
    let opened = Arc::new(Mutex::new(opened));
    let member = |who: u64| {
        let opened = Arc::clone(&opened);
        move |_: &u64| {
            if who == 1 {
                let _ = opened.lock().unwrap().recv();
            }
        }
    };
    let group = router.group("g").handlers((0..2).map(member));
    (0..60).for_each(|n| publisher.publish(n).unwrap());
    while group.members()[0].stats().lag > 0 {
        thread::yield_now();
    }
    let stats = router.stats();
    let [fast, slow] = &stats.handlers[..] else { panic!("two members") };
    assert_eq!((fast.group.as_deref(), slow.group.as_deref()), (Some("g"), Some("g")));
    assert!(fast.lag == 0 && slow.lag > 0, "{stats:?}");
    drop(gate);
    assert_eq!(router.shutdown(Drain::Yes).handled(), 60);
}

#[test]
fn batches_are_counted() {
    let bus = Bus::builder().capacity(128).retain(100).build();
    let publisher = bus.publisher();
    (0..100).for_each(|n| publisher.publish(n).unwrap());
    let router = Router::builder(&bus).batch(30).start().unwrap();
    let handler = router.handler("h").from(stentor::Start::Oldest).handle(|_| {});
    while handler.stats().messages < 100 {
        thread::yield_now();
    }
    let stats = handler.stats();
    assert_eq!((stats.batches, stats.largest_batch, stats.lag, stats.skipped), (4, 30, 0, 0));
    assert_eq!(stats.fate, None);
}

#[test]
fn handlers_go_to_the_thread_with_the_fewest() {
    let bus = Bus::<u64>::new(16);
    let router = Router::builder(&bus).threads(3).start().unwrap();
    let fixed = router.handler("fixed").on_thread(1).handle(|_| {});
    let placed: Vec<_> = (0..5).map(|_| router.handle("free", |_| {})).collect();
    let on = |thread| placed.iter().filter(|handle| handle.thread() == thread).count();
    assert_eq!((fixed.thread(), [on(0), on(1), on(2)]), (1, [2, 1, 2]));
    fixed.remove();
    assert_eq!(router.handle("next", |_| {}).thread(), 1);
}

/// What the system calls the threads of this process.
#[cfg(target_os = "linux")]
fn thread_names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(|task| Some(comm(task.ok()?)?.trim_end().to_owned())).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn threads_have_names_that_show_their_number() {
    let bus = Bus::<u64>::new(16);
    let router = Router::builder(&bus)
        .threads(11)
        .name("übermäßig-lang")
        .watchdog(Duration::from_secs(3600), |_| {})
        .start()
        .unwrap();
    let names: Vec<_> = router.stats().threads.into_iter().map(|thread| thread.name).collect();
    assert_eq!((&*names[0], &*names[10]), ("übermäßig--0", "übermäßig-10"));
    assert!(names.iter().all(|name| name.len() <= 15), "{names:?}");
    let seen = thread_names();
    for name in &names {
        assert!(seen.contains(name), "{name} among {seen:?}");
    }
    // The watchdog takes its name when it first runs.
    while !thread_names().iter().any(|name| name == "übermä-watch") {
        thread::yield_now();
    }
}

#[test]
fn pinned_threads_share_a_core_only_where_none_is_free() {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let bus = Bus::<u64>::new(16);
    let routers: Vec<_> =
        (0..cores).map(|_| Router::builder(&bus).pin(Pin::Auto).start().unwrap()).collect();
    let place = |router: &Router<u64>| router.stats().threads[0].pinned.clone();
    let mut taken: Vec<_> = routers
        .iter()
        .filter_map(|router| if let Pinned::Core(core) = place(router) { Some(core) } else { None })
        .collect();
    let pinned = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), pinned, "each on a core of its own");
    if pinned == cores {
        let one_more = Router::builder(&bus).pin(Pin::Auto).start().unwrap();
        assert!(matches!(place(&one_more), Pinned::Core(core) if taken.contains(&core)));
        drop(one_more);
    }
    // A core that became free is taken again.
    let freed = place(&routers[0]);
    drop(routers);
    let named = match freed {
        Pinned::Core(core) => Router::builder(&bus).pin([core]).start().unwrap(),
        _ => return,
    };
    assert_eq!(place(&named), freed);
}
