//! Brokers, and what is above them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::broker::services::Services;
use crate::broker::{DeadLetterCounts, InMemoryMessageBroker, Message, RequestMetrics};
use crate::hook::Hook;
use crate::inspect::snapshot::{BrokerSnapshot, RequestSnapshot};
use crate::inspect::sources::Source;

pub(crate) fn broker<M: Message, H: Hook<M>>(
    name: String,
    broker: &InMemoryMessageBroker<M, H>,
) -> Source {
    let services = Arc::downgrade(broker.services());
    let core = Arc::downgrade(broker.bus().core());
    Arc::new(move |snapshot| {
        let services = services.upgrade()?;
        snapshot.brokers.push(BrokerSnapshot {
            name: name.clone(),
            closed: core.upgrade()?.ring.sequencer.end().is_some(),
            requests: requests(services.request_metrics()),
            dead_letters: by_reason(services.dead_letters.counts()),
        });
        Some(())
    })
}

fn requests(metrics: RequestMetrics) -> RequestSnapshot {
    RequestSnapshot {
        pending: metrics.pending as u64,
        limit: metrics.limit as u64,
        answered: metrics.answered,
        timed_out: metrics.timed_out,
        abandoned: metrics.abandoned,
        undeliverable: metrics.undeliverable,
    }
}

fn by_reason(counts: DeadLetterCounts) -> BTreeMap<String, u64> {
    let counts = counts.by_reason();
    counts.map(|(reason, count)| (reason.to_owned(), count)).collect()
}

/// The circuit breakers among the hooks of a broker. Without any, there is nothing to look at.
#[cfg(feature = "circuit-breaker")]
pub(crate) fn breakers<M: Message, H: Hook<M>>(
    broker: String,
    services: &Arc<Services<M, H>>,
    limit: usize,
) -> Source {
    use crate::hook::CircuitBreaker;

    let services = Arc::downgrade(services);
    Arc::new(move |snapshot| {
        let services = services.upgrade()?;
        let mut is_one_there = None;
        services.hooks.each(&mut |hook| {
            if let Some(breaker) = hook.downcast_ref::<CircuitBreaker>() {
                is_one_there = Some(());
                snapshot.circuit_breakers.push(breaker_snapshot(&broker, breaker, limit));
            }
        });
        is_one_there
    })
}

#[cfg(not(feature = "circuit-breaker"))]
pub(crate) fn breakers<M: Message, H: Hook<M>>(
    _: String,
    _: &Arc<Services<M, H>>,
    _: usize,
) -> Source {
    Arc::new(|_| None)
}

#[cfg(feature = "circuit-breaker")]
fn breaker_snapshot(
    broker: &str,
    breaker: &crate::hook::CircuitBreaker,
    limit: usize,
) -> crate::inspect::snapshot::CircuitBreakerSnapshot {
    use crate::hook::CircuitState;
    use crate::inspect::snapshot::{CircuitBreakerSnapshot, CircuitSnapshot};

    let circuits = breaker.not_closed(limit).into_iter();
    let circuits = circuits.map(|(recipient, state)| CircuitSnapshot {
        recipient: recipient.to_string(),
        state: match state {
            CircuitState::Closed => "closed",
            CircuitState::Open => "open",
            CircuitState::HalfOpen => "half_open",
        }
        .to_owned(),
    });
    CircuitBreakerSnapshot {
        broker: broker.to_owned(),
        recipients: breaker.recipients() as u64,
        opened: breaker.opened(),
        untracked: breaker.untracked(),
        circuits: circuits.collect(),
    }
}

#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) fn remote<M: Message, H: Hook<M>>(
    name: String,
    backend: &'static str,
    core: &Arc<crate::remote::core::Core<M, H>>,
) -> Source {
    use crate::broker::ConnectionState;
    use crate::inspect::snapshot::RemoteSnapshot;

    let core = Arc::downgrade(core);
    Arc::new(move |snapshot| {
        let metrics = core.upgrade()?.metrics();
        snapshot.remotes.push(RemoteSnapshot {
            name: name.clone(),
            backend: backend.to_owned(),
            state: match metrics.state {
                ConnectionState::Connected => "connected",
                ConnectionState::Reconnecting => "reconnecting",
                ConnectionState::Closed => "closed",
            }
            .to_owned(),
            connections_lost: metrics.connections_lost,
            interruptions: metrics.interruptions,
            published: metrics.published,
            received: metrics.received,
            dropped: metrics.dropped,
            undecodable: metrics.undecodable,
            redelivered: metrics.redelivered,
            failed_acks: metrics.failed_acks,
            streams: metrics.streams as u64,
            requests: requests(metrics.requests),
            dead_letters: by_reason(metrics.dead_letters),
        });
        Some(())
    })
}

#[cfg(feature = "actors")]
pub(crate) fn system<M: Message, B: crate::broker::MessageBroker<M>>(
    name: String,
    system: &crate::actor::ActorSystem<M, B>,
    limit: usize,
) -> Source {
    use crate::inspect::snapshot::SystemSnapshot;

    let shared = Arc::downgrade(&system.shared);
    Arc::new(move |snapshot| {
        let metrics = shared.upgrade()?.metrics(limit);
        let mut actors: Vec<_> = metrics.actors.into_iter().map(actor_snapshot).collect();
        actors.sort_by_key(|actor| std::cmp::Reverse(actor.depth));
        snapshot.systems.push(SystemSnapshot {
            name: name.clone(),
            state: metrics.state.to_string(),
            spawned: metrics.spawned,
            living: metrics.living as u64,
            handled: metrics.handled,
            dead_letters: metrics.dead_letters,
            actors,
        });
        Some(())
    })
}

#[cfg(feature = "actors")]
fn actor_snapshot(metrics: crate::actor::ActorMetrics) -> crate::inspect::snapshot::ActorSnapshot {
    use crate::inspect::recent::nanos;

    crate::inspect::snapshot::ActorSnapshot {
        address: metrics.address.to_string(),
        name: metrics.name.map(|name| name.to_string()),
        depth: metrics.depth as u64,
        high_water: metrics.high_water as u64,
        capacity: metrics.capacity as u64,
        handled: metrics.handled,
        panics: metrics.panics,
        restarts: metrics.restarts,
        handling_p50_ns: metrics.handling.quantile(0.5).map(nanos),
        handling_p99_ns: metrics.handling.quantile(0.99).map(nanos),
        oldest_ns: metrics.oldest.map(nanos),
    }
}
