//! The threads that receive, and how their books come back.

use std::{
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Instant,
};

use crate::{
    contract::Receive,
    workload::{Message, Sink},
};

/// Receiving threads at work. Each gives back its sink and the time of its end.
pub struct Crew<S> {
    /// How many there are.
    size: usize,
    /// Where their sinks come back.
    returned: Receiver<(usize, S, Instant)>,
}

impl<S: Sink> Crew<S> {
    /// Starts a thread for each subscriber.
    pub fn hire<R: Receive>(subscribers: Vec<R>, sinks: Vec<S>) -> Self {
        assert_eq!(subscribers.len(), sinks.len(), "a sink for each subscriber");
        let (crew, sinks) = Self::expect(sinks);
        for (mut subscriber, mut sink) in subscribers.into_iter().zip(sinks) {
            thread::spawn(move || while subscriber.receive(sink.inner()) {});
        }
        crew
    }

    /// Wraps sinks that somebody else's threads will work on; each comes back when it is dropped.
    pub fn expect(sinks: Vec<S>) -> (Self, Vec<OnLoan<S>>) {
        let (home, returned) = mpsc::channel();
        let size = sinks.len();
        let lend = |(index, sink)| OnLoan { index, sink: Some(sink), home: home.clone() };
        let sinks = sinks.into_iter().enumerate().map(lend).collect();
        (Self { size, returned }, sinks)
    }

    /// Waits for all threads to end; gives their sinks and end times, in the order in which they
    /// were handed out.
    ///
    /// # Panics
    ///
    /// If one of them has panicked.
    pub fn join(self) -> Vec<(S, Instant)> {
        let mut returned: Vec<_> = self.returned.iter().collect();
        assert_eq!(returned.len(), self.size, "a receiving thread has failed");
        returned.sort_by_key(|(index, ..)| *index);
        returned.into_iter().map(|(_, sink, end)| (sink, end)).collect()
    }
}

/// A sink that goes home when it is dropped.
pub struct OnLoan<S> {
    /// Whose it is.
    index: usize,
    /// The sink; there until the drop.
    sink: Option<S>,
    /// Where it goes.
    home: Sender<(usize, S, Instant)>,
}

impl<S: Sink> OnLoan<S> {
    /// The sink itself.
    fn inner(&mut self) -> &mut S {
        self.sink.as_mut().expect("there until the drop")
    }

    /// Takes one message.
    #[inline]
    pub fn take(&mut self, message: &Message) {
        if let Some(sink) = &mut self.sink {
            sink.take(message);
        }
    }
}

impl<S> Drop for OnLoan<S> {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        if let Some(sink) = self.sink.take() {
            // Nobody listens any more only if the measurement has failed already.
            let _ = self.home.send((self.index, sink, Instant::now()));
        }
    }
}
