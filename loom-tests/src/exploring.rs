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

/// A model is cut off after so many interleavings, or a multiple of it.
const INTERVAL: u64 = 1_000;

/// Explores a model, and says how much there was to explore.
pub fn model(question: impl Fn() + Send + Sync + 'static) {
    model_within(2, question);
}

/// Explores a model with so many preemptions at most, unless the environment has another number.
pub fn model_within(preemptions: usize, question: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    let preemptions = *builder.preemption_bound.get_or_insert(preemptions);
    builder.checkpoint_interval = INTERVAL as usize;
    let explored = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&explored);
    let started = Instant::now();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        question();
    });
    let (explored, took) = (explored.load(Ordering::Relaxed), started.elapsed());
    // It stops before the next one. (To end there by itself is one chance in a thousand.)
    let is_late = builder.max_duration.is_some_and(|most| took >= most);
    let is_cut_off = is_late && (explored + 1).is_multiple_of(INTERVAL);
    eprintln!(
        "{}: {explored} interleavings with at most {preemptions} preemptions in {:.1} s{}",
        std::thread::current().name().unwrap_or("model"),
        took.as_secs_f32(),
        if is_cut_off { ", CUT OFF" } else { "" },
    );
}
