//! What the models share. The models are in `tests/`, one file per part of the engine; they drive the
//! shipped code through its public API, and `loom-tests/run` runs them. `tests/churn.rs` is for
//! `loom-tests/shuttle`.

#![cfg(any(stentor_loom, stentor_shuttle))]

#[cfg(stentor_loom)]
mod exploring;
#[cfg(stentor_loom)]
pub use exploring::{model, model_within, share_lane};

use stentor::{Bus, Clock, InMemoryMessageBroker, RecvError, Step, Subscriber, Wait, WaitStrategy};

/// Parks at once: pausing and yielding first would only be more to explore.
struct Park;

impl Wait for Park {
    fn idle(&self, _looks: u32) -> Step {
        Step::Park
    }
}

/// Parks as soon as a look finds nothing.
pub fn parking() -> WaitStrategy {
    WaitStrategy::custom(Park)
}

/// A bus whose threads park as soon as a look finds nothing.
pub fn bus(capacity: usize) -> Bus<u64> {
    Bus::builder().capacity(capacity).wait(parking()).build()
}

/// A broker with room for so many requests, and none for log lines.
pub fn broker(requests: usize) -> InMemoryMessageBroker<u64> {
    let builder = InMemoryMessageBroker::builder().capacity(8).dead_letters(4).dead_letter_logs(0);
    builder.pending_requests(requests).clock(Clock::Off).wait(WaitStrategy::custom(Park)).build()
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
