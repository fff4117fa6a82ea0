//! How each kind of thing is looked at: with a weak handle, for its numbers alone.

use std::sync::Arc;

use crate::bus::core::Core as BusCore;
use crate::bus::{Bus, BusStats, SubscriberStats};
use crate::inspect::recent::nanos;
use crate::inspect::snapshot::{
    BusSnapshot, HandlerSnapshot, RouterSnapshot, Snapshot, SubscriberSnapshot, ThreadSnapshot,
};
use crate::ring::cursor::Overflow;
use crate::router::{Fate, HandlerStats, Pinned, Router, RouterStats, ThreadStats};

/// Writes down how something is doing; `None` if it is gone.
pub(crate) type Source = Arc<dyn Fn(&mut Snapshot) -> Option<()> + Send + Sync>;

pub(crate) fn bus<T: Send + Sync + 'static>(name: String, bus: &Bus<T>) -> Source {
    let core = Arc::downgrade(bus.core());
    Arc::new(move |snapshot| {
        let stats = BusCore::stats(&*core.upgrade()?);
        snapshot.buses.push(bus_snapshot(&name, stats));
        Some(())
    })
}

fn bus_snapshot(name: &str, stats: BusStats) -> BusSnapshot {
    BusSnapshot {
        name: name.to_owned(),
        published: stats.published,
        unheard: stats.unheard,
        capacity: stats.capacity as u64,
        retain: stats.retain as u64,
        publishers: stats.publishers as u64,
        waiting_publishers: stats.waiting_publishers as u64,
        closed: stats.closed,
        subscribers: stats.subscribers.into_iter().map(subscriber_snapshot).collect(),
    }
}

fn subscriber_snapshot(stats: SubscriberStats) -> SubscriberSnapshot {
    SubscriberSnapshot {
        id: stats.id.0,
        name: stats.name,
        cursor: stats.cursor,
        lag: stats.lag,
        missed: stats.missed,
        overflow: match stats.overflow {
            Overflow::Block => "block",
            Overflow::DropOldest => "drop_oldest",
            Overflow::Evict => "evict",
        }
        .to_owned(),
        evicted: stats.evicted,
        parked: stats.parked,
    }
}

pub(crate) fn router<T: Send + Sync + 'static>(router: &Router<T>) -> Source {
    let shared = Arc::downgrade(router.shared());
    Arc::new(move |snapshot| {
        let RouterStats { name, threads, handlers } = shared.upgrade()?.stats();
        snapshot.routers.push(RouterSnapshot {
            name,
            threads: threads.into_iter().map(thread_snapshot).collect(),
            handlers: handlers.into_iter().map(handler_snapshot).collect(),
        });
        Some(())
    })
}

fn thread_snapshot(stats: ThreadStats) -> ThreadSnapshot {
    let (core, pin_refused) = match stats.pinned {
        Pinned::No => (None, None),
        Pinned::Core(core) => (Some(core as u64), None),
        Pinned::Refused { reason, .. } => (None, Some(reason.to_owned())),
    };
    ThreadSnapshot {
        name: stats.name,
        core,
        pin_refused,
        handlers: stats.handlers as u64,
        busy_ns: nanos(stats.busy),
        in_turn_ns: stats.in_turn.map(nanos),
    }
}

fn handler_snapshot(stats: HandlerStats) -> HandlerSnapshot {
    HandlerSnapshot {
        id: stats.id.0,
        name: stats.name,
        group: stats.group,
        thread: stats.thread as u64,
        messages: stats.messages,
        skipped: stats.skipped,
        panics: stats.panics,
        last_panic: stats.last_panic,
        missed: stats.missed,
        lag: stats.lag,
        waiting_ns: nanos(stats.waiting),
        busy_ns: nanos(stats.busy),
        running_ns: stats.running.map(nanos),
        fate: stats.fate.map(|fate| fate_name(fate).to_owned()),
    }
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Drained => "drained",
        Fate::Stopped => "stopped",
        Fate::Removed => "removed",
        Fate::Closed => "closed",
        Fate::Evicted => "evicted",
        Fate::Panicked => "panicked",
        Fate::Stuck => "stuck",
    }
}
