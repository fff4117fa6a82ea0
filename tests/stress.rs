//! Every protocol under load: for the sanitizers, and short enough for every test run.
//!
//! It uses threads that are joined, atomics, and no test harness: ThreadSanitizer does not see into the
//! standard library, and would take its scoped threads, locks and channels for races.
//!
//! Arguments choose scenarios by parts of their names; `STENTOR_STRESS_ROUNDS` says how often each
//! runs (1).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use stentor::{Bus, Overflow, Publisher, RecvError, Step, Subscriber, Wait, WaitStrategy};

const SCENARIOS: [(&str, fn()); 10] = [
    ("order", order),
    ("churn", churn),
    ("lossy", lossy),
    ("evict", evict),
    ("close", close),
    ("phases", phases),
    ("batches", batches),
    ("stages", stages),
    ("sleepers", sleepers),
    ("tasks", tasks),
];

fn main() {
    let rounds = std::env::var("STENTOR_STRESS_ROUNDS")
        .map_or(1, |rounds| rounds.parse().expect("STENTOR_STRESS_ROUNDS is a number"));
    let chosen: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|part| name.contains(part));
    for (name, scenario) in SCENARIOS.into_iter().filter(|(name, _)| is_chosen(name)) {
        for _ in 0..rounds {
            scenario();
            assert_eq!(LIVING.load(Ordering::Relaxed), 0, "messages leaked or dropped twice");
        }
        println!("stress {name} ... ok");
    }
}

// ===== messages, and what a subscriber sees of them =====

/// Messages that exist, in rings and elsewhere.
static LIVING: AtomicI64 = AtomicI64::new(0);

/// A message that can tell whether it is whole, in several words of plain memory.
struct Message {
    publisher: usize,
    number: u64,
    /// On the heap, so that AddressSanitizer sees who reads a message that has been replaced.
    check: Box<u64>,
}

impl Message {
    fn new(publisher: usize, number: u64) -> Self {
        LIVING.fetch_add(1, Ordering::Relaxed);
        Self { publisher, number, check: Box::new(!number) }
    }

    fn assert_whole(&self) {
        assert_eq!(*self.check, !self.number, "a message was changed under its reader's eyes");
    }
}

impl Default for Message {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Clone for Message {
    fn clone(&self) -> Self {
        self.assert_whole();
        Self::new(self.publisher, self.number)
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.assert_whole();
        LIVING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// More publishers than any scenario has.
const PUBLISHERS: usize = 4;

/// What one subscriber has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// How many messages.
    count: u64,
    /// A hash of their order.
    order: u64,
    /// The last number of each publisher.
    last: [Option<u64>; PUBLISHERS],
}

impl Seen {
    /// Notes the next message; gives how many of its publisher's were left out before it. (What came
    /// before the first is not known.)
    fn note(&mut self, message: &Message) -> u64 {
        message.assert_whole();
        let &Message { publisher, number, .. } = message;
        let expected = self.last[publisher].map_or(number, |last| last + 1);
        assert!(number >= expected, "publisher {publisher}: {number} came after {expected} - 1");
        self.last[publisher] = Some(number);
        self.count += 1;
        self.order = (self.order ^ (number << 2 | publisher as u64)).wrapping_mul(0x100_0000_01b3);
        number - expected
    }

    /// Notes the next message, before which none may be missing.
    fn note_next(&mut self, message: &Message) {
        assert_eq!(self.note(message), 0, "messages were lost");
    }

    /// Asserts that it was all of `each` messages of each publisher.
    fn assert_all(&self, each: &[u64]) {
        assert_eq!(self.count, each.iter().sum::<u64>());
        for (last, each) in self.last.iter().zip(each) {
            assert_eq!(*last, each.checked_sub(1));
        }
    }
}

/// Publishes the messages `numbers` of a publisher on a thread of its own.
fn publishing(
    publisher: Publisher<Message>,
    id: usize,
    numbers: std::ops::Range<u64>,
) -> JoinHandle<()> {
    thread::spawn(move || numbers.for_each(|n| publisher.publish(Message::new(id, n)).unwrap()))
}

/// Publishes until told to stop, or until the bus is closed; gives how many.
fn publishing_until(
    stop: &'static AtomicBool,
    publisher: Publisher<Message>,
    id: usize,
) -> JoinHandle<u64> {
    thread::spawn(move || {
        let numbers = (0..).take_while(|_| !stop.load(Ordering::Relaxed));
        numbers.take_while(|&n| publisher.publish(Message::new(id, n)).is_ok()).count() as u64
    })
}

/// Receives all there is, one by one, on a thread of its own.
fn receiving(subscriber: Subscriber<Message>) -> JoinHandle<Seen> {
    thread::spawn(move || {
        let mut seen = Seen::default();
        subscriber.for_each(|message| seen.note_next(&message));
        seen
    })
}

/// Reads all there is in place, in batches of up to `max` of which it sometimes leaves a part.
fn reading(mut subscriber: Subscriber<Message>, max: usize) -> JoinHandle<Seen> {
    thread::spawn(move || {
        let mut seen = Seen::default();
        while let Ok(mut batch) = subscriber.read(max) {
            let count = if batch.len() == max { max.div_ceil(2) } else { batch.len() };
            batch.iter().take(count).for_each(|message| seen.note_next(message));
            batch.consume(count);
        }
        seen
    })
}

fn join<T>(threads: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// The least of executors, so that this needs no library but the one it is about.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut cx) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

// ===== the scenarios =====

/// All subscribers see the same order.
fn order() {
    const EACH: u64 = 3_000;
    let bus = Bus::new(8);
    let subscribers = [(); 2].map(|()| (receiving(bus.subscribe()), reading(bus.subscribe(), 3)));
    let publishers = [0, 1, 2].map(|id| (bus.publisher(), id));
    join(publishers.map(|(publisher, id)| publishing(publisher, id, 0..EACH)));
    let seen = join(subscribers.into_iter().flat_map(|(one, other)| [one, other]));
    seen[0].assert_all(&[EACH; 3]);
    assert!(seen.iter().all(|other| other == &seen[0]), "two subscribers saw different orders");
}

/// Subscribers come and go.
fn churn() {
    static STOP: AtomicBool = AtomicBool::new(false);
    STOP.store(false, Ordering::Relaxed);
    let bus = Bus::new(16);
    let permanent = receiving(bus.subscribe());
    let publishers = [0, 1].map(|id| publishing_until(&STOP, bus.publisher(), id));
    for round in 0..200 {
        let mut seen = Seen::default();
        bus.subscribe().take(round % 16).for_each(|message| seen.note_next(&message));
    }
    STOP.store(true, Ordering::Relaxed);
    let sent = join(publishers);
    permanent.join().unwrap().assert_all(&sent);
}

/// Subscribers that lose messages know how many; others lose nothing.
fn lossy() {
    const EACH: u64 = 5_000;
    let bus = Bus::new(16);
    let lossless = receiving(bus.subscribe());
    let lossy = [1, 5].map(|max| {
        let mut subscriber = bus.subscriber().overflow(Overflow::DropOldest).subscribe();
        thread::spawn(move || {
            let (mut seen, mut lost) = (Seen::default(), 0);
            loop {
                let got = match max {
                    1 => subscriber.recv().map(|message| _ = seen.note(&message)),
                    _ => subscriber.read(max).map(|batch| {
                        batch.iter().for_each(|message| _ = seen.note(message));
                    }),
                };
                match got {
                    Ok(()) => {}
                    Err(RecvError::Lagged(count)) => lost += count,
                    Err(error) => break assert_eq!(error, RecvError::Closed),
                }
                if seen.count % 8 == 0 {
                    thread::yield_now();
                }
            }
            assert_eq!(subscriber.missed(), lost);
            assert_eq!(seen.count + lost, 2 * EACH);
        })
    });
    join([(bus.publisher(), 0), (bus.publisher(), 1)].map(|(p, id)| publishing(p, id, 0..EACH)));
    lossless.join().unwrap().assert_all(&[EACH; 2]);
    join(lossy);
}

/// Subscribers are evicted, and come back.
fn evict() {
    const EACH: u64 = 5_000;
    let bus = Bus::new(8);
    let publishers = [(bus.publisher(), 0), (bus.publisher(), 1)];
    let evictable = thread::spawn(move || {
        loop {
            let mut subscriber = bus.subscriber().overflow(Overflow::Evict).subscribe();
            let mut seen = Seen::default();
            let end = loop {
                match subscriber.recv() {
                    Ok(message) => seen.note_next(&message),
                    Err(end) => break end,
                }
                if seen.count % 8 == 0 {
                    thread::yield_now();
                }
            };
            match end {
                RecvError::Evicted(unread) => {
                    assert_eq!(subscriber.missed(), unread);
                    assert!(seen.count + unread <= bus.published());
                }
                end => break assert_eq!(end, RecvError::Closed),
            }
        }
    });
    join(publishers.map(|(publisher, id)| publishing(publisher, id, 0..EACH)));
    evictable.join().unwrap();
}

/// What was accepted before the end is read, and nothing else.
fn close() {
    static NEVER: AtomicBool = AtomicBool::new(false);
    for _ in 0..40 {
        let bus = Bus::new(16);
        let subscribers = [receiving(bus.subscribe()), reading(bus.subscribe(), 4)];
        let publishers = [0, 1].map(|id| publishing_until(&NEVER, bus.publisher(), id));
        while bus.published() < 50 {
            thread::yield_now();
        }
        bus.close();
        let accepted = join(publishers);
        join(subscribers).iter().for_each(|seen| seen.assert_all(&accepted));
    }
}

/// One thread publishes alone, then with others, then alone.
fn phases() {
    const ALONE: u64 = 2_000;
    const TOGETHER: u64 = 500;
    const TURNS: u64 = 4;
    let bus = Bus::new(32);
    let subscribers = [receiving(bus.subscribe()), reading(bus.subscribe(), 8)];
    let publisher = bus.publisher();
    for turn in 0..TURNS {
        let first = turn * (ALONE + TOGETHER);
        let alone = |n| publisher.publish(Message::new(0, n)).unwrap();
        (first..first + ALONE).for_each(alone);
        let numbers = || turn * TOGETHER..(turn + 1) * TOGETHER;
        let others = [1, 2].map(|id| publishing(bus.publisher(), id, numbers()));
        (first + ALONE..first + ALONE + TOGETHER).for_each(alone);
        join(others);
    }
    drop(publisher);
    let expected = [TURNS * (ALONE + TOGETHER), TURNS * TOGETHER, TURNS * TOGETHER];
    join(subscribers).iter().for_each(|seen| seen.assert_all(&expected));
}

/// Batches longer and shorter than the ring, and messages written in place.
fn batches() {
    const RUNS: u64 = 60;
    const RUN: u64 = 40;
    let bus = Bus::new(16);
    let subscribers = [reading(bus.subscribe(), 1), reading(bus.subscribe(), 8)];
    let publishers = [(bus.publisher(), 0), (bus.publisher(), 1)].map(|(publisher, id)| {
        thread::spawn(move || {
            for first in (0..RUNS * RUN).step_by(RUN as usize) {
                let (short, long) = (first..first + 4, first + 4..first + RUN - 1);
                for run in [short, long] {
                    let run: Vec<_> = run.map(|n| Message::new(id, n)).collect();
                    publisher.publish_batch(run).unwrap();
                }
                publisher.publish_with(|slot| *slot = Message::new(id, first + RUN - 1)).unwrap();
            }
        })
    });
    join(publishers);
    join(subscribers).iter().for_each(|seen| seen.assert_all(&[RUNS * RUN; 2]));
}

/// A stage sees a message only after those before it.
fn stages() {
    const EACH: u64 = 3_000;
    static JOURNALLED: AtomicU64 = AtomicU64::new(0);
    JOURNALLED.store(0, Ordering::Relaxed);
    let bus = Bus::new(16);
    let mut journal = bus.subscribe();
    let mut business = bus.subscriber().after(&[&journal]).subscribe();
    let journal = thread::spawn(move || {
        let mut seen = Seen::default();
        while let Ok(batch) = journal.read(4) {
            batch.iter().for_each(|message| seen.note_next(message));
            JOURNALLED.store(seen.count, Ordering::Relaxed);
        }
        seen
    });
    let business = thread::spawn(move || {
        let mut seen = Seen::default();
        while let Ok(batch) = business.read(4) {
            batch.iter().for_each(|message| seen.note_next(message));
            assert!(seen.count <= JOURNALLED.load(Ordering::Relaxed), "before the journal");
        }
        seen
    });
    join([(bus.publisher(), 0), (bus.publisher(), 1)].map(|(p, id)| publishing(p, id, 0..EACH)));
    join([journal, business]).iter().for_each(|seen| seen.assert_all(&[EACH; 2]));
}

/// Threads that park at once: a wake-up that is lost stops this for ever.
fn sleepers() {
    struct AtOnce;
    impl Wait for AtOnce {
        fn idle(&self, _: u32) -> Step {
            Step::Park
        }
    }
    const TRIPS: u64 = 1_000;
    let [there, back] = [1, 2].map(|capacity| {
        Bus::builder().capacity(capacity).wait(WaitStrategy::custom(AtOnce)).build()
    });
    let (mut requests, mut replies) = (there.subscribe(), back.subscribe());
    let replying = back.publisher();
    let server = thread::spawn(move || {
        while let Ok(request) = requests.recv() {
            replying.publish(request).unwrap();
        }
    });
    let requesting = there.publisher();
    for number in 0..TRIPS {
        requesting.publish(Message::new(0, number)).unwrap();
        assert_eq!(replies.recv().unwrap().number, number);
    }
    // And against each other: publishers that find the ring full, subscribers that find it empty.
    let publisher = publishing(requesting, 0, TRIPS..2 * TRIPS);
    for number in TRIPS..2 * TRIPS {
        assert_eq!(replies.recv().unwrap().number, number);
    }
    publisher.join().unwrap();
    server.join().unwrap();
}

/// Tasks and threads wait at the same doorbells.
fn tasks() {
    const EACH: u64 = 2_000;
    let bus = Bus::new(4);
    let mut subscriber = bus.subscribe();
    let task = thread::spawn(move || {
        let mut seen = Seen::default();
        while let Ok(message) = block_on(subscriber.recv_async()) {
            seen.note_next(&message);
        }
        seen
    });
    let thread = receiving(bus.subscribe());
    let publisher = bus.publisher();
    let publishers = [
        publishing(bus.publisher(), 0, 0..EACH),
        thread::spawn(move || {
            for number in 0..EACH {
                let publish = publisher.publish_async(Message::new(1, number));
                block_on(publish).unwrap();
            }
        }),
    ];
    join(publishers);
    let seen = join([task, thread]);
    seen[0].assert_all(&[EACH; 2]);
    assert_eq!(seen[0], seen[1], "two subscribers saw different orders");
}
