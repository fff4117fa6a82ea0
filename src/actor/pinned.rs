//! Threads that drive sync actors: each runs a tokio runtime of its own, on the core it was given.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::actor::config::SystemConfig;
use crate::router::{Pin, Plan};
use crate::sync::{AtomicUsize, Mutex, Ordering};

struct Hand {
    runtime: Handle,
    /// Dropping it ends the thread.
    until: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// The threads, which are started when the first of them is needed.
pub(crate) struct Crew {
    name: String,
    size: usize,
    pin: Pin,
    hands: Mutex<Vec<Hand>>,
    next: AtomicUsize,
}

impl Crew {
    pub(crate) fn new(config: &SystemConfig) -> Self {
        Self {
            name: config.name.clone(),
            size: config.sync_threads,
            pin: config.sync_pin.clone(),
            hands: Mutex::new(Vec::new()),
            next: AtomicUsize::new(0),
        }
    }

    /// The runtime of a thread: of this one, or of whose turn it is.
    pub(crate) fn runtime(&self, thread: Option<usize>) -> io::Result<Handle> {
        let mut hands = self.hands.lock();
        if hands.is_empty() {
            for (index, plan) in Plan::for_threads(&self.pin, self.size).into_iter().enumerate() {
                hands.push(start(format!("{}-sync-{index}", self.name), plan)?);
            }
        }
        let thread = thread.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
        Ok(hands[thread % hands.len()].runtime.clone())
    }

    /// Ends the threads, and waits for them if nothing keeps them.
    pub(crate) fn end(&self, wait: bool) {
        let hands = std::mem::take(&mut *self.hands.lock());
        for Hand { until, thread, .. } in hands {
            drop(until);
            if wait {
                // What panics there has been caught, or printed.
                let _ = thread.join();
            }
        }
    }
}

fn start(name: String, plan: Plan) -> io::Result<Hand> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let handle = runtime.handle().clone();
    let (until, ended) = oneshot::channel::<()>();
    let run = move || {
        plan.carry_out();
        let _ = runtime.block_on(ended);
    };
    let thread = std::thread::Builder::new().name(name).spawn(run)?;
    Ok(Hand { runtime: handle, until, thread })
}
