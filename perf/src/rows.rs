//! The rows: a topology and a way of receiving each.

use serde::{Deserialize, Serialize};

/// How a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A thread for each publisher and each subscriber.
    Thread,
    /// A thread for each publisher, one thread that polls all subscribers.
    Poll,
    /// A thread for each publisher, and one router thread with a handler for each subscriber; libraries
    /// without a router are polled.
    Router,
    /// As `Router`, with and without somebody who adds and removes handlers all the time.
    RouterAdds,
    /// Everything is a task of a tokio runtime with two workers.
    Async,
    /// As `Thread`, with a last subscriber that is far too slow.
    Slow,
    /// One publisher that nobody listens to.
    Nobody,
    /// As `Thread`, with and without a thread that subscribes and unsubscribes all the time.
    Churn,
    /// Latency to a subscriber that polls.
    LatencyPoll,
    /// Latency to a subscriber that blocks its thread.
    LatencyBlock,
    /// Latency to a subscriber that is a task.
    LatencyAsync,
    /// Processor time of blocked threads that nothing is sent to.
    IdleThread,
    /// Processor time of a router thread whose handlers get nothing.
    IdleRouter,
    /// Processor time of waiting tasks that nothing is sent to.
    IdleAsync,
    /// As `Poll`, but what is published are envelopes.
    Broker,
    /// A thread publishes envelopes and polls all subscribers itself, every few messages.
    BrokerAlone,
    /// Tasks ask, and a task answers, all on one thread.
    Request,
    /// The same, but the task that answers has a thread of its own.
    RequestThreads,
    /// Tasks tell actors messages in turn, on two workers.
    ActorTell,
    /// As `Request`, of an actor.
    ActorAsk,
    /// As `RequestThreads`, of an actor.
    ActorAskThreads,
    /// As `ActorAsk`, on two workers.
    ActorAskWorkers,
    /// An actor is spawned and stopped, again and again, on one thread.
    ActorSpawn,
    /// What idle actors hold.
    ActorMemory,
}

impl Kind {
    /// Whether it is about actors.
    pub fn is_about_actors(self) -> bool {
        use Kind::{
            ActorAsk, ActorAskThreads, ActorAskWorkers, ActorMemory, ActorSpawn, ActorTell,
        };
        matches!(
            self,
            ActorTell | ActorAsk | ActorAskThreads | ActorAskWorkers | ActorSpawn | ActorMemory
        )
    }
}

/// What the results of a row are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Messages per second; more is better.
    Rate,
    /// Nanoseconds from the intended time to the receipt; less is better.
    Latency,
    /// Nanoseconds per publish or request; less is better.
    Nanos,
    /// Messages per second as a share of the undisturbed run; more is better.
    Ratio,
    /// Cores kept busy; less is better.
    Cores,
    /// Bytes of each actor; less is better.
    Bytes,
}

/// One row of the harness.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is, in words.
    pub title: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// Publishers; in request and actor rows the tasks that tell or ask, each one request at a time.
    pub publishers: usize,
    /// Subscribers; in actor rows the actors.
    pub subscribers: usize,
    /// Messages published at once; 1 = unbatched.
    pub batch: usize,
    /// Messages per second in paced rows; 0 = as fast as it goes.
    pub pace: u64,
    /// Whether the default run has it.
    pub default: bool,
}

impl Row {
    /// A row as fast as it goes, one message at a time.
    const fn new(
        name: &'static str,
        title: &'static str,
        kind: Kind,
        publishers: usize,
        subscribers: usize,
    ) -> Self {
        Self { name, title, kind, publishers, subscribers, batch: 1, pace: 0, default: false }
    }

    /// Publishes in batches.
    const fn batched(self) -> Self {
        Self { batch: crate::workload::BATCH, ..self }
    }

    /// Publishes `pace` messages per second.
    const fn paced(self, pace: u64) -> Self {
        Self { pace, ..self }
    }

    /// Is part of the default run.
    const fn default(self) -> Self {
        Self { default: true, ..self }
    }

    /// What its results are ranked by.
    pub fn figure(&self) -> Figure {
        match self.kind {
            Kind::Thread
            | Kind::Poll
            | Kind::Router
            | Kind::Async
            | Kind::Slow
            | Kind::Broker
            | Kind::ActorTell
            | Kind::ActorAskWorkers
            | Kind::ActorSpawn => Figure::Rate,
            Kind::Nobody | Kind::BrokerAlone | Kind::Request | Kind::RequestThreads => {
                Figure::Nanos
            }
            Kind::Churn | Kind::RouterAdds => Figure::Ratio,
            Kind::LatencyPoll
            | Kind::LatencyBlock
            | Kind::LatencyAsync
            | Kind::ActorAsk
            | Kind::ActorAskThreads => Figure::Latency,
            Kind::IdleThread | Kind::IdleRouter | Kind::IdleAsync => Figure::Cores,
            Kind::ActorMemory => Figure::Bytes,
        }
    }

    /// Threads that want to run at the same time; more than the cores means that waiting is part of
    /// the result.
    pub fn threads(&self) -> usize {
        match self.kind {
            Kind::Thread | Kind::Slow => self.publishers + self.subscribers,
            Kind::Churn => self.publishers + self.subscribers + 1,
            Kind::Poll | Kind::Router | Kind::Broker => self.publishers + 1,
            Kind::RouterAdds => self.publishers + 2,
            Kind::Async
            | Kind::LatencyPoll
            | Kind::LatencyBlock
            | Kind::LatencyAsync
            | Kind::RequestThreads
            | Kind::ActorTell
            | Kind::ActorAskThreads
            | Kind::ActorAskWorkers => 2,
            Kind::Nobody
            | Kind::BrokerAlone
            | Kind::Request
            | Kind::ActorAsk
            | Kind::ActorSpawn
            | Kind::ActorMemory => 1,
            Kind::IdleThread | Kind::IdleRouter | Kind::IdleAsync => 0,
        }
    }

    /// Rounds it needs at most: idle rows and memory do not scatter.
    pub fn rounds(&self, asked: usize) -> usize {
        match self.kind {
            Kind::IdleThread | Kind::IdleRouter | Kind::IdleAsync | Kind::ActorMemory => {
                asked.min(2)
            }
            _ => asked,
        }
    }
}

/// All rows, in the order in which they are reported.
pub const ROWS: &[Row] = &[
    Row::new("thread-1-1", "a thread per subscriber, 1 -> 1", Kind::Thread, 1, 1).default(),
    Row::new("thread-1-4", "a thread per subscriber, 1 -> 4", Kind::Thread, 1, 4).default(),
    Row::new("thread-1-16", "a thread per subscriber, 1 -> 16", Kind::Thread, 1, 16),
    Row::new("thread-2-4", "a thread per subscriber, 2 -> 4", Kind::Thread, 2, 4),
    Row::new("thread-4-4", "a thread per subscriber, 4 -> 4", Kind::Thread, 4, 4),
    Row::new("poll-1-1", "one thread polls all, 1 -> 1", Kind::Poll, 1, 1),
    Row::new("poll-1-4", "one thread polls all, 1 -> 4", Kind::Poll, 1, 4).default(),
    Row::new("poll-2-4", "one thread polls all, 2 -> 4", Kind::Poll, 2, 4),
    Row::new("poll-1-16", "one thread polls all, 1 -> 16", Kind::Poll, 1, 16),
    Row::new("poll-1-64", "one thread polls all, 1 -> 64", Kind::Poll, 1, 64),
    Row::new("poll-1-256", "one thread polls all, 1 -> 256", Kind::Poll, 1, 256),
    Row::new("poll-batch-1-4", "one thread polls all, batches of 64, 1 -> 4", Kind::Poll, 1, 4)
        .batched(),
    Row::new("poll-batch-2-4", "one thread polls all, batches of 64, 2 -> 4", Kind::Poll, 2, 4)
        .batched(),
    Row::new("router-1-1", "handlers on one router thread, 1 -> 1", Kind::Router, 1, 1),
    Row::new("router-1-4", "handlers on one router thread, 1 -> 4", Kind::Router, 1, 4),
    Row::new("router-1-16", "handlers on one router thread, 1 -> 16", Kind::Router, 1, 16),
    Row::new("router-1-64", "handlers on one router thread, 1 -> 64", Kind::Router, 1, 64),
    Row::new("router-1-256", "handlers on one router thread, 1 -> 256", Kind::Router, 1, 256),
    Row::new("router-2-4", "handlers on one router thread, 2 -> 4", Kind::Router, 2, 4),
    Row::new("router-2-16", "handlers on one router thread, 2 -> 16", Kind::Router, 2, 16),
    Row::new(
        "router-adds",
        "router, 1 -> 4, and 1,000 handlers added + removed a second",
        Kind::RouterAdds,
        1,
        4,
    ),
    Row::new("async-1-1", "tasks on two workers, 1 -> 1", Kind::Async, 1, 1),
    Row::new("async-1-4", "tasks on two workers, 1 -> 4", Kind::Async, 1, 4).default(),
    Row::new("async-2-4", "tasks on two workers, 2 -> 4", Kind::Async, 2, 4),
    Row::new("async-1-16", "tasks on two workers, 1 -> 16", Kind::Async, 1, 16),
    Row::new("slow", "one lossy subscriber 30x too slow: what the 3 others get", Kind::Slow, 1, 4),
    Row::new("nobody", "publishing with no subscriber", Kind::Nobody, 1, 0),
    Row::new("churn", "1 -> 4, and 1,000 subscribe + unsubscribe a second", Kind::Churn, 1, 4),
    Row::new("latency-poll", "latency, 100 k/s to a polling thread", Kind::LatencyPoll, 1, 1)
        .paced(100_000)
        .default(),
    Row::new("latency-block", "latency, 100 k/s to a blocking thread", Kind::LatencyBlock, 1, 1)
        .paced(100_000),
    Row::new("latency-block-1k", "latency, 1 k/s to a blocking thread", Kind::LatencyBlock, 1, 1)
        .paced(1_000),
    Row::new("latency-async", "latency, 100 k/s to a task", Kind::LatencyAsync, 1, 1)
        .paced(100_000),
    Row::new("idle-thread", "4 blocked threads, nothing published", Kind::IdleThread, 1, 4),
    Row::new(
        "idle-router",
        "4 handlers on a router thread, nothing published",
        Kind::IdleRouter,
        1,
        4,
    ),
    Row::new("idle-async", "4 waiting tasks, nothing published", Kind::IdleAsync, 1, 4),
    Row::new(
        "broker-publish-alone",
        "envelopes, published and polled by one thread, 1 -> 1",
        Kind::BrokerAlone,
        1,
        1,
    ),
    Row::new("broker-publish-1-1", "envelopes, one thread polls all, 1 -> 1", Kind::Broker, 1, 1),
    Row::new("broker-publish-1-4", "envelopes, one thread polls all, 1 -> 4", Kind::Broker, 1, 4),
    Row::new("broker-publish-2-4", "envelopes, one thread polls all, 2 -> 4", Kind::Broker, 2, 4),
    Row::new("request-1", "a request and its reply, two tasks on one thread", Kind::Request, 1, 1),
    Row::new("request-64", "64 requests in flight, tasks on one thread", Kind::Request, 64, 1),
    Row::new(
        "request-threads-1",
        "a request and its reply, two tasks on a thread each",
        Kind::RequestThreads,
        1,
        1,
    ),
    Row::new(
        "request-threads-64",
        "64 requests in flight, who answers on a thread of its own",
        Kind::RequestThreads,
        64,
        1,
    ),
    Row::new("actor-tell-1-1", "a task tells an actor, two workers", Kind::ActorTell, 1, 1),
    Row::new(
        "actor-tell-1-1000",
        "a task tells 1,000 actors in turn, two workers",
        Kind::ActorTell,
        1,
        1_000,
    ),
    Row::new("actor-tell-4-1", "four tasks tell an actor, two workers", Kind::ActorTell, 4, 1),
    Row::new("actor-ask", "a task asks an actor, both on one thread", Kind::ActorAsk, 1, 1),
    Row::new(
        "actor-ask-threads",
        "a task asks an actor, each on a thread of its own",
        Kind::ActorAskThreads,
        1,
        1,
    ),
    Row::new("actor-ask-64", "64 tasks ask an actor, two workers", Kind::ActorAskWorkers, 64, 1),
    Row::new(
        "actor-spawn",
        "an actor is spawned, stopped, and its end awaited, one thread",
        Kind::ActorSpawn,
        1,
        1,
    ),
    Row::new(
        "actor-memory",
        "10,000 actors that have been asked once, idle",
        Kind::ActorMemory,
        0,
        10_000,
    ),
];

/// The row called `name`.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// The rows that `pattern` names: one by its name, or all that begin with it.
pub fn matching(pattern: &str) -> Vec<&'static Row> {
    match find(pattern) {
        Some(row) => vec![row],
        None => ROWS.iter().filter(|row| row.name.starts_with(pattern)).collect(),
    }
}
