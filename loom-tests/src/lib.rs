//! What the models share. The models are in `tests/`, one file per part of the engine; they drive the
//! shipped code through its public API, and `loom-tests/run` runs them.

#![cfg(stentor_loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use loom::model::Builder;
use loom::thread::spawn;
use stentor::{Bus, Publisher, RecvError, Step, Subscriber, Wait, WaitStrategy};

/// Parks at once: pausing and yielding first would only be more to explore.
struct Park;

impl Wait for Park {
    fn idle(&self, _looks: u32) -> Step {
        Step::Park
    }
}

/// A bus whose threads park as soon as a look finds nothing.
pub fn bus(capacity: usize) -> Bus<u64> {
    Bus::builder().capacity(capacity).wait(WaitStrategy::custom(Park)).build()
}

/// Publishes 0 and 1, the latter from another thread: publishers will share the lane for a while.
pub fn share_lane(publisher: &Publisher<u64>) {
    publisher.publish(0).unwrap();
    let second = publisher.clone();
    spawn(move || second.publish(1).unwrap()).join().unwrap();
}

/// All that a subscription receives until it is over: the messages, how many it was told that it
/// lost, and how it ended.
pub fn drain(subscriber: &mut Subscriber<u64>) -> (Vec<u64>, u64, RecvError) {
    let (mut messages, mut lost) = (Vec::new(), 0);
    loop {
        match subscriber.recv() {
            Ok(message) => messages.push(message),
            Err(RecvError::Lagged(n)) => lost += n,
            Err(end) => return (messages, lost, end),
        }
    }
}

/// The messages of a lossless subscription until the bus is closed.
pub fn drain_all(subscriber: &mut Subscriber<u64>) -> Vec<u64> {
    let (messages, lost, end) = drain(subscriber);
    assert_eq!((lost, end), (0, RecvError::Closed));
    messages
}

/// Explores a model, and says how much there was to explore.
pub fn model(question: impl Fn() + Send + Sync + 'static) {
    let explored = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&explored);
    let builder = Builder::new();
    let started = Instant::now();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        question();
    });
    let seconds = started.elapsed();
    let is_cut_off = builder.max_duration.is_some_and(|most| seconds >= most);
    eprintln!(
        "{}: {} interleavings in {:.1} s{}",
        std::thread::current().name().unwrap_or("model"),
        explored.load(Ordering::Relaxed),
        seconds.as_secs_f32(),
        if is_cut_off { ", CUT OFF" } else { "" },
    );
}
