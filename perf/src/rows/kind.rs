//! How rows are measured, and what their results are ranked by.

use serde::{Deserialize, Serialize};

use crate::remote::Backend;

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
    /// Tasks publish through a server on this machine, and a task receives.
    Remote(Backend),
    /// As `Request`, through a server on this machine.
    RemoteRequest(Backend),
}

impl Kind {
    /// What its results are ranked by.
    pub fn figure(self) -> Figure {
        match self {
            Self::Thread
            | Self::Poll
            | Self::Router
            | Self::Async
            | Self::Slow
            | Self::Broker
            | Self::ActorTell
            | Self::ActorAskWorkers
            | Self::ActorSpawn
            | Self::Remote(_) => Figure::Rate,
            Self::Nobody | Self::BrokerAlone | Self::Request | Self::RequestThreads => {
                Figure::Nanos
            }
            Self::Churn | Self::RouterAdds => Figure::Ratio,
            Self::LatencyPoll
            | Self::LatencyBlock
            | Self::LatencyAsync
            | Self::ActorAsk
            | Self::ActorAskThreads
            | Self::RemoteRequest(_) => Figure::Latency,
            Self::IdleThread | Self::IdleRouter | Self::IdleAsync => Figure::Cores,
            Self::ActorMemory => Figure::Bytes,
        }
    }

    /// Threads that want to run at the same time, where that does not depend on the topology. A server counts
    /// as one.
    pub fn threads(self) -> usize {
        match self {
            Self::IdleThread | Self::IdleRouter | Self::IdleAsync => 0,
            Self::Nobody
            | Self::BrokerAlone
            | Self::Request
            | Self::ActorAsk
            | Self::ActorSpawn
            | Self::ActorMemory => 1,
            Self::Remote(_) => 3,
            _ => 2,
        }
    }

    /// Whether it is about actors.
    pub fn is_about_actors(self) -> bool {
        matches!(
            self,
            Self::ActorTell
                | Self::ActorAsk
                | Self::ActorAskThreads
                | Self::ActorAskWorkers
                | Self::ActorSpawn
                | Self::ActorMemory
        )
    }

    /// The server that it needs.
    pub fn backend(self) -> Option<Backend> {
        match self {
            Self::Remote(backend) | Self::RemoteRequest(backend) => Some(backend),
            _ => None,
        }
    }

    /// Whether a run is worth a rehearsal, which touches the code and the allocator's memory.
    pub fn is_rehearsed(self) -> bool {
        matches!(self.figure(), Figure::Rate | Figure::Nanos) && self != Self::Slow
            || matches!(self, Self::ActorAsk | Self::ActorAskThreads)
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
