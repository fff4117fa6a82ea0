//! What the loom models have beside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use loom::model::Builder;
use loom::thread::spawn;
use stentor::Publisher;

/// Publishes 0 and 1, the latter from another thread: publishers will share the lane for a while.
pub fn share_lane(publisher: &Publisher<u64>) {
    publisher.publish(0).unwrap();
    let second = publisher.clone();
    spawn(move || second.publish(1).unwrap()).join().unwrap();
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
