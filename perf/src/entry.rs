//! What the harness knows about a contender: its name, what it promises, and the rows it can run.

use crate::{
    actors::{Actors, Asked},
    contract::{
        Adds, Answer, Churn, Open, Poll, Publish, PublishAsync, Receive, ReceiveAsync, Threads,
    },
    drive,
    measurement::{Measurement, Stop},
    own::Setup,
    remote::{Remote, Served},
    rows::{Kind, Row},
};

/// The name of the contender that all others are compared with.
pub const REFERENCE: &str = "reference";

/// Runs one measurement.
pub type Run = fn(&Order) -> Measurement;

/// What a run needs to know.
#[derive(Clone, Copy)]
pub struct Order {
    /// The row.
    pub row: &'static Row,
    /// When publishers stop.
    pub stop: Stop,
    /// Whether every subscriber must receive every message.
    pub lossless: bool,
    /// What a ring is like, where it is not for the contender to say.
    pub setup: Setup,
}

/// One contender.
pub struct Entry {
    /// What it is called on the command line and in tables.
    pub name: &'static str,
    /// How it is set up, in a few words.
    pub note: &'static str,
    /// Whether subscribers receive everything however slow they are.
    pub lossless: bool,
    /// Whether who tells its actors waits for room in their mailboxes.
    pub bounded: bool,
    /// Whether the default run has it.
    pub default: bool,
    /// Whether it can have more than one publisher.
    several_publishers: bool,
    /// How it runs each kind of row that it supports: with one publisher, and with several.
    runs: Vec<(Kind, Run, Run)>,
}

impl Entry {
    /// A lossless contender that supports no row yet.
    pub fn new(name: &'static str, note: &'static str) -> Self {
        Self {
            name,
            note,
            lossless: true,
            bounded: true,
            default: false,
            several_publishers: true,
            runs: Vec::new(),
        }
    }

    /// Marks it as lossy.
    pub fn lossy(mut self) -> Self {
        self.lossless = false;
        self
    }

    /// Marks its mailboxes as unbounded.
    pub fn unbounded(mut self) -> Self {
        self.bounded = false;
        self
    }

    /// Makes it part of the default run.
    pub fn default(mut self) -> Self {
        self.default = true;
        self
    }

    /// Keeps it out of rows with more than one publisher.
    pub fn one_publisher(mut self) -> Self {
        self.several_publishers = false;
        self
    }

    /// How it runs `row`, if it can.
    pub fn run(&self, row: &Row) -> Option<Run> {
        let (_, one, several) = self.runs.iter().find(|(kind, ..)| *kind == row.kind)?;
        match row.publishers {
            1 => Some(*one),
            _ => self.several_publishers.then_some(*several),
        }
    }

    /// Adds a way to run rows of `kind`: `one` for a single publisher, `several` for more.
    fn with(mut self, kind: Kind, one: Run, several: Run) -> Self {
        self.runs.push((kind, one, several));
        self
    }

    /// A thread per subscriber: `One` for rows with a single publisher, `Several` for the others.
    /// Also latency to a blocking thread, and idling threads.
    pub fn threads<One: Threads, Several: Threads>(self) -> Self {
        self.with(Kind::Thread, drive::threads::run::<One>, drive::threads::run::<Several>)
            .with(
                Kind::LatencyBlock,
                drive::latency::blocking::<One>,
                drive::latency::blocking::<One>,
            )
            .with(Kind::IdleThread, drive::idle::threads::<One>, drive::idle::threads::<One>)
    }

    /// One thread of the library's own, which calls a handler for each subscriber; also
    /// what it costs when it idles.
    pub fn routed<C: Threads + Adds>(self) -> Self {
        self.with(Kind::Router, drive::threads::run::<C>, drive::threads::run::<C>)
            .with(Kind::RouterAdds, drive::adds::run::<C>, drive::adds::run::<C>)
            .with(Kind::IdleRouter, drive::idle::threads::<C>, drive::idle::threads::<C>)
    }

    /// One thread that polls all subscribers; also latency to it. In the rows of routers as well, for
    /// libraries that have none.
    pub fn polled<One, Several>(self) -> Self
    where
        One: Open<Publisher: Publish, Subscriber: Poll>,
        Several: Open<Publisher: Publish, Subscriber: Poll>,
    {
        let polled = self.with(Kind::Poll, drive::poll::run::<One>, drive::poll::run::<Several>);
        let latency = drive::latency::polling::<One>;
        let polled = polled.with(Kind::LatencyPoll, latency, latency);
        if polled.runs.iter().any(|(kind, ..)| *kind == Kind::Router) {
            return polled;
        }
        polled.with(Kind::Router, drive::poll::run::<One>, drive::poll::run::<Several>)
    }

    /// Latency alone, to a polling thread.
    pub fn latency<C: Open<Publisher: Publish, Subscriber: Poll>>(self) -> Self {
        self.with(Kind::LatencyPoll, drive::latency::polling::<C>, drive::latency::polling::<C>)
    }

    /// Tasks; also latency to one, and idling ones.
    pub fn tasks<One, Several>(self) -> Self
    where
        One: Open<Publisher: PublishAsync, Subscriber: ReceiveAsync>,
        Several: Open<Publisher: PublishAsync, Subscriber: ReceiveAsync>,
    {
        self.with(Kind::Async, drive::tasks::run::<One>, drive::tasks::run::<Several>)
            .with(Kind::LatencyAsync, drive::latency::tasks::<One>, drive::latency::tasks::<One>)
            .with(Kind::IdleAsync, drive::idle::tasks::<One>, drive::idle::tasks::<One>)
    }

    /// A last subscriber that may lose messages, and must not slow the others down.
    pub fn slow<C: Threads>(self) -> Self {
        self.with(Kind::Slow, drive::slow::run::<C>, drive::slow::run::<C>)
    }

    /// Publishing without any subscriber.
    pub fn nobody<C: Open<Publisher: Publish>>(self) -> Self {
        self.with(Kind::Nobody, drive::nobody::run::<C>, drive::nobody::run::<C>)
    }

    /// Subscribing and unsubscribing while publishers run.
    pub fn churn<C>(self) -> Self
    where
        C: Churn + Open<Publisher: Publish, Subscriber: Receive>,
    {
        self.with(Kind::Churn, drive::churn::run::<C>, drive::churn::run::<C>)
    }

    /// Publishing of envelopes to subscribers that are polled.
    pub fn envelopes<C: Open<Publisher: Publish, Subscriber: Poll>>(self) -> Self {
        self.with(Kind::Broker, drive::poll::run::<C>, drive::poll::run::<C>).with(
            Kind::BrokerAlone,
            drive::alone::run::<C>,
            drive::alone::run::<C>,
        )
    }

    /// Tasks that ask, and one that answers.
    pub fn requests<C: Answer>(self) -> Self {
        let (one_thread, threads) =
            (drive::request::on_one_thread::<C>, drive::request::across_threads::<C>);
        self.with(Kind::Request, one_thread, one_thread).with(
            Kind::RequestThreads,
            threads,
            threads,
        )
    }

    /// Actors that run on any worker.
    pub fn actors<C: Actors>(self) -> Self {
        let (told, asked) =
            (drive::actors::tell::on_workers::<C>, drive::request::on_workers::<Asked<C>>);
        self.with(Kind::ActorTell, told, told)
            .with(Kind::ActorAskWorkers, asked, asked)
            .actors_of_one_thread::<C>()
    }

    /// Actors that all live on one thread: they are told and asked from another, so that it is two in all.
    pub fn actors_of_a_thread<C: Actors>(self) -> Self {
        let asked = drive::request::across_threads::<Asked<C>>;
        self.told_on_a_thread::<C>()
            .with(Kind::ActorAskWorkers, asked, asked)
            .actors_of_one_thread::<C>()
    }

    /// Actors that all live on one thread, and are told from another.
    pub fn told_on_a_thread<C: Actors>(self) -> Self {
        let told = drive::actors::tell::across_threads::<C>;
        self.with(Kind::ActorTell, told, told)
    }

    /// Publishing and requests through a server.
    pub fn remote<C: Remote>(self) -> Self {
        let (run, asked) = (drive::remote::run::<C>, drive::request::on_one_thread::<Served<C>>);
        self.with(Kind::Remote(C::BACKEND), run, run).with(
            Kind::RemoteRequest(C::BACKEND),
            asked,
            asked,
        )
    }

    /// The rows in which actors have one thread, whatever they could have.
    fn actors_of_one_thread<C: Actors>(self) -> Self {
        let (spawn, memory) = (drive::actors::spawn::run::<C>, drive::actors::memory::run::<C>);
        let (one_thread, threads) =
            (drive::request::on_one_thread::<Asked<C>>, drive::request::across_threads::<Asked<C>>);
        self.with(Kind::ActorAsk, one_thread, one_thread)
            .with(Kind::ActorAskThreads, threads, threads)
            .with(Kind::ActorSpawn, spawn, spawn)
            .with(Kind::ActorMemory, memory, memory)
    }
}
