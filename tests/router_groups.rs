//! Groups: each message is for exactly one member, however they come, go and die.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use proptest::prelude::*;
use stentor::{Bus, Drain, Fate, Group, HandlerHandle, Key, OnPanic, Router, Start};

/// Who handled a message: the member, by a number of its own, in the order of each member.
type Log = Arc<Mutex<Vec<(u64, Message)>>>;

/// The n-th message, with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message {
    n: u64,
    key: u64,
}

fn member(log: &Log, who: u64) -> impl FnMut(&Message) + Send + 'static {
    let log = Arc::clone(log);
    move |message| log.lock().unwrap().push((who, *message))
}

/// Checks that messages `0..count` were handled once each.
fn once_each(log: &Log, count: u64) {
    let mut seen: Vec<u64> = log.lock().unwrap().iter().map(|(_, message)| message.n).collect();
    seen.sort_unstable();
    assert_eq!(seen, Vec::from_iter(0..count));
}

fn message(n: u64) -> Message {
    Message { n, key: n * 7919 % 64 }
}

#[test]
fn the_same_key_goes_to_the_same_member_in_order() {
    let bus = Bus::new(128);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let log = Log::default();
    let group =
        router.group("g").key(|m: &Message| m.key).handlers((0..4).map(|who| member(&log, who)));
    assert_eq!(group.members().len(), 4);
    (0..5000).for_each(|n| publisher.publish(message(n)).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.handled(), report.left()), (5000, 0));
    once_each(&log, 5000);
    let mut of_key: HashMap<u64, (u64, u64)> = HashMap::new();
    for (who, message) in log.lock().unwrap().iter() {
        let (owner, last) = of_key.entry(message.key).or_insert((*who, message.n));
        assert!(owner == who && *last <= message.n, "{message:?}");
        *last = message.n;
    }
    assert!(report.handlers.iter().all(|member| member.group.as_deref() == Some("g")));
    assert!(report.handlers.iter().all(|member| member.handled > 0), "{report:?}");
}

#[test]
fn without_a_key_messages_are_spread() {
    let bus = Bus::builder().capacity(1024).retain(1000).build();
    let publisher = bus.publisher();
    (0..1000).for_each(|n| publisher.publish(message(n)).unwrap());
    let router = Router::builder(&bus).start().unwrap();
    let log = Log::default();
    router.group("g").from(Start::Oldest).handlers((0..4).map(|who| member(&log, who)));
    let report = router.shutdown(Drain::Yes);
    once_each(&log, 1000);
    assert!(
        report.handlers.iter().all(|member| (150..350).contains(&member.handled)),
        "{report:?}"
    );
}

#[test]
fn borrowed_keys_need_no_copy() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let worker = |who: u64| {
        let seen = Arc::clone(&seen);
        move |m: &String| seen.lock().unwrap().push((who, m.clone()))
    };
    router.group("g").key_ref(|m: &String| m.as_str()).handlers((0..3).map(worker));
    for name in ["ann", "bob", "ann", "cid", "bob", "ann"] {
        publisher.publish(name.to_owned()).unwrap();
    }
    router.shutdown(Drain::Yes);
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3, "one member for each name: {seen:?}");
}

#[test]
fn a_member_that_leaves_handles_what_was_its_own() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let log = Log::default();
    let group = router.group("g").handlers((0..3).map(|who| member(&log, who)));
    for round in 0..3 {
        (round * 50..round * 50 + 50).for_each(|n| publisher.publish(message(n)).unwrap());
        let report = group.members()[round as usize].clone().remove();
        assert_eq!((report.fate, report.left), (Fate::Removed, 0));
    }
    once_each(&log, 150);
    publisher.publish(message(1000)).unwrap();
    assert!(router.shutdown(Drain::Yes).handlers.is_empty(), "nobody is left, and it is nobody's");
}

#[test]
fn what_a_dead_member_had_not_read_goes_to_the_others() {
    let bus = Bus::builder().capacity(1024).retain(600).build();
    let publisher = bus.publisher();
    (0..600).for_each(|n| publisher.publish(message(n)).unwrap());
    let router = Router::builder(&bus).batch(8).start().unwrap();
    let log = Log::default();
    let mortal = |who: u64| {
        let mut live = member(&log, who);
        let mut left = 10 + who * 10;
        move |message: &Message| {
            live(message);
            left -= u64::from(who < 3);
            assert!(left > 0, "tired");
        }
    };
    let group = router.group("g").from(Start::Oldest).handlers((0..4).map(mortal));
    let report = router.shutdown(Drain::Yes);
    once_each(&log, 600);
    assert_eq!(report.panics(), 3);
    assert_eq!(report.left(), 0, "{report:?}");
    let dead = report.handlers.iter().filter(|member| member.fate == Fate::Panicked).count();
    assert_eq!((dead, report.handled()), (3, 597));
    drop(group);
}

#[test]
fn where_nobody_inherits_it_is_left() {
    let bus = Bus::builder().capacity(64).retain(20).build();
    let publisher = bus.publisher();
    (0..20).for_each(|n| publisher.publish(message(n)).unwrap());
    let router = Router::builder(&bus).batch(4).start().unwrap();
    let group =
        router.group("g").from(Start::Oldest).handlers([|m: &Message| assert_ne!(m.n, 5, "five")]);
    while !group.members()[0].has_ended() {
        thread::yield_now();
    }
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.handled(), report.panics(), report.left()), (5, 1, 14));
}

#[test]
fn a_member_that_goes_on_after_a_panic_loses_only_that_message() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).start().unwrap();
    let log = Log::default();
    let fussy = |who| {
        let mut handle = member(&log, who);
        move |message: &Message| {
            assert_ne!(message.n % 10, 3, "three");
            handle(message);
        }
    };
    router.group("g").on_panic(OnPanic::Continue).handlers((0..2).map(fussy));
    (0..500).for_each(|n| publisher.publish(message(n)).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.handled(), report.panics(), report.left()), (450, 50, 0));
    assert_eq!(log.lock().unwrap().len(), 450);
}

#[test]
fn a_group_comes_after_others() {
    let bus = Bus::new(64);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(2).start().unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let by_journal = Arc::clone(&written);
    let journal =
        router.handle("journal", move |m: &Message| by_journal.store(m.n + 1, Ordering::Release));
    let worker = |_| {
        let written = Arc::clone(&written);
        move |m: &Message| assert!(written.load(Ordering::Acquire) > m.n)
    };
    let group = router.group("g").after(&[&journal]).handlers((0..2).map(worker));
    (0..1000).for_each(|n| publisher.publish(message(n)).unwrap());
    group.join(worker(2));
    (1000..2000).for_each(|n| publisher.publish(message(n)).unwrap());
    let report = router.shutdown(Drain::Yes);
    assert_eq!((report.handled(), report.panics()), (4000, 0));
}

/// What is done to a group while a publisher runs.
#[derive(Clone, Copy, Debug)]
enum Change {
    Join,
    Leave(usize),
    /// A member panics at the next message that it gets.
    Die(usize),
    Wait,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        3 => Just(Change::Join),
        2 => any::<usize>().prop_map(Change::Leave),
        2 => any::<usize>().prop_map(Change::Die),
        3 => Just(Change::Wait),
    ];
    prop::collection::vec(change, 1..40)
}

/// A member that can be told to die; the message at which it does counts as handled.
fn killable(log: &Log, who: u64) -> (Arc<AtomicBool>, impl FnMut(&Message) + Send + 'static) {
    let (kill, mut handle) = (Arc::new(AtomicBool::new(false)), member(log, who));
    let killed = Arc::clone(&kill);
    (kill, move |message: &Message| {
        handle(message);
        if killed.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("killed"));
        }
    })
}

/// The members of a group that may be told to go. One always stays.
struct Crew<K> {
    group: Group<Message, K>,
    log: Log,
    members: Vec<(Arc<AtomicBool>, HandlerHandle<Message>)>,
    next: u64,
}

impl<K: Key<Message>> Crew<K> {
    fn join(&mut self) {
        let (kill, handler) = killable(&self.log, self.next);
        self.next += 1;
        self.members.push((kill, self.group.join(handler)));
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Join => self.join(),
            Change::Leave(which) if !self.members.is_empty() => {
                let (_, handle) = self.members.swap_remove(which % self.members.len());
                handle.stop();
            }
            Change::Die(which) if !self.members.is_empty() => {
                let (kill, _) = self.members.swap_remove(which % self.members.len());
                kill.store(true, Ordering::Relaxed);
            }
            _ => thread::yield_now(),
        }
    }
}

/// Applies the changes while a publisher runs, and looks whether every message was handled once.
fn exactly_once(threads: usize, capacity: usize, batch: usize, changes: &[Change]) {
    let bus = Bus::new(capacity);
    let publisher = bus.publisher();
    let router = Router::builder(&bus).threads(threads).batch(batch).start().unwrap();
    let log = Log::default();
    let group = router.group("g").key(|m: &Message| m.key).handlers([member(&log, 0)]);
    let mut crew = Crew { group, log: Arc::clone(&log), members: Vec::new(), next: 1 };
    let over = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let mut n = 0;
            while !over.load(Ordering::Relaxed) {
                publisher.publish(message(n)).unwrap();
                n += 1;
            }
            n
        });
        for change in changes {
            crew.apply(*change);
            let seen = bus.published();
            while bus.published() < seen + 20 {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
        publishing.join().unwrap()
    });
    let report = router.shutdown(Drain::Yes);
    assert_eq!(report.left(), 0, "{report:?}");
    once_each(&log, count);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_handled_once_whoever_comes_and_goes(
        threads in 1usize..4,
        capacity in prop_oneof![Just(2usize), Just(16), Just(256)],
        batch in prop_oneof![Just(1usize), Just(7), Just(256)],
        changes in changes(),
    ) {
        exactly_once(threads, capacity, batch, &changes);
    }
}
