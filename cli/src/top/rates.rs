//! From snapshots to what is shown.

use std::collections::BTreeMap;

use stentor::inspect::{
    ActorSnapshot, BusSnapshot, CircuitBreakerSnapshot, HandlerSnapshot, RemoteSnapshot,
    RequestSnapshot, RouterSnapshot, Snapshot, SubscriberSnapshot, SystemSnapshot, ThreadSnapshot,
};

use crate::top::history::History;
use crate::top::view::{
    Actor, Backend, Bus, CircuitBreaker, DeadLetters, Handler, Requests, Subscriber, System,
    Thread, View,
};

impl History {
    /// Remembers a snapshot, and makes of it what is shown.
    pub fn view(&mut self, snapshot: &Snapshot) -> View {
        let before = self.push(snapshot);
        Viewing { now: snapshot, before: before.as_ref(), history: self }.view()
    }
}

/// A snapshot, the one before, and what has been seen in all.
struct Viewing<'a> {
    now: &'a Snapshot,
    before: Option<&'a Snapshot>,
    history: &'a History,
}

impl Viewing<'_> {
    fn view(&self) -> View {
        let now = self.now;
        let mut view = View {
            process: now.process.clone(),
            sequence: now.sequence,
            unix_ns: now.unix_ns,
            over_seconds: self.seconds(),
            buses: now.buses.iter().map(|bus| self.bus(bus)).collect(),
            ..View::default()
        };
        let subscribers = now.buses.iter().flat_map(|bus| self.subscribers(bus));
        view.subscribers = subscribers.collect();
        for router in &now.routers {
            let before = self.find(|all| &all.routers, |other| other.name == router.name);
            view.threads
                .extend(router.threads.iter().map(|each| self.thread(router, each, before)));
            let handlers = router.handlers.iter();
            view.handlers.extend(handlers.map(|each| self.handler(router, each, before)));
        }
        for system in &now.systems {
            let before = self.find(|all| &all.systems, |other| other.name == system.name);
            view.systems.push(self.system(system, before));
            view.actors.extend(system.actors.iter().map(|each| self.actor(system, each, before)));
        }
        self.brokers(&mut view);
        view.circuit_breakers =
            now.circuit_breakers.iter().flat_map(|each| self.circuits(each)).collect();
        view.backends = now.remotes.iter().map(|remote| self.backend(remote)).collect();
        view
    }

    // ===== rates =====

    fn seconds(&self) -> Option<f64> {
        Some((self.now.at_ns - self.before?.at_ns) as f64 / 1e9)
    }

    /// What became more, per second. Nothing where it became less: it is another one of the same name.
    fn rate(&self, now: u64, before: Option<u64>) -> Option<f64> {
        Some(now.checked_sub(before?)? as f64 / self.seconds()?)
    }

    /// The share of the time that something took, given in nanoseconds.
    fn share(&self, now: u64, before: Option<u64>) -> Option<f64> {
        Some((self.rate(now, before)? / 1e9).min(1.0))
    }

    /// The same thing in the snapshot before.
    fn find<T>(
        &self,
        list: impl Fn(&Snapshot) -> &Vec<T>,
        is_it: impl Fn(&T) -> bool,
    ) -> Option<&T> {
        // Elided lifetimes tie it to `self`, and so to the snapshot.
        list(self.before?).iter().find(|other| is_it(other))
    }

    // ===== what there is =====

    fn bus(&self, bus: &BusSnapshot) -> Bus {
        let before = self.find(|all| &all.buses, |other| other.name == bus.name);
        let reading = bus.subscribers.iter().filter(|each| !each.evicted);
        let lag = reading.map(|each| each.lag).max().unwrap_or(0);
        Bus {
            name: bus.name.clone(),
            publishers: bus.publishers,
            waiting_publishers: bus.waiting_publishers,
            published: bus.published,
            published_per_second: self.rate(bus.published, before.map(|bus| bus.published)),
            unheard: bus.unheard,
            capacity: bus.capacity,
            fill: lag.min(bus.capacity),
            closed: bus.closed,
        }
    }

    fn subscribers<'a>(&'a self, bus: &'a BusSnapshot) -> impl Iterator<Item = Subscriber> + 'a {
        let before = self.find(|all| &all.buses, |other| other.name == bus.name);
        bus.subscribers.iter().map(move |each| {
            let others = before.map(|bus| &bus.subscribers).into_iter().flatten();
            self.subscriber(bus, each, others.into_iter().find(|other| other.id == each.id))
        })
    }

    fn subscriber(
        &self,
        bus: &BusSnapshot,
        each: &SubscriberSnapshot,
        before: Option<&SubscriberSnapshot>,
    ) -> Subscriber {
        let age = self.history.age(&bus.name, each.cursor);
        Subscriber {
            bus: bus.name.clone(),
            id: each.id,
            name: each.name.clone(),
            lag: each.lag,
            lag_seconds: age.map(|age| age.seconds),
            lag_is_longer: age.is_some_and(|age| age.is_longer),
            trend_per_second: self.history.trend(&bus.name, each.id),
            behind: (each.lag as f64 / bus.capacity as f64).min(1.0),
            // What it lost it has not read, though its cursor went past it.
            read_per_second: self.rate(
                each.cursor.saturating_sub(each.missed),
                before.map(|before| before.cursor.saturating_sub(before.missed)),
            ),
            overflow: each.overflow.clone(),
            missed: each.missed,
            missed_per_second: self.rate(each.missed, before.map(|before| before.missed)),
            evicted: each.evicted,
            parked: each.parked,
        }
    }

    fn thread(
        &self,
        router: &RouterSnapshot,
        each: &ThreadSnapshot,
        before: Option<&RouterSnapshot>,
    ) -> Thread {
        let before =
            before.and_then(|all| all.threads.iter().find(|other| other.name == each.name));
        Thread {
            router: router.name.clone(),
            name: each.name.clone(),
            core: each.core,
            pin_refused: each.pin_refused.clone(),
            handlers: each.handlers,
            busy: self.share(each.busy_ns, before.map(|before| before.busy_ns)),
            in_turn_seconds: each.in_turn_ns.map(seconds),
        }
    }

    fn handler(
        &self,
        router: &RouterSnapshot,
        each: &HandlerSnapshot,
        before: Option<&RouterSnapshot>,
    ) -> Handler {
        let before = before.and_then(|all| all.handlers.iter().find(|other| other.id == each.id));
        Handler {
            router: router.name.clone(),
            name: each.name.clone(),
            group: each.group.clone(),
            thread: each.thread,
            messages: each.messages,
            messages_per_second: self.rate(each.messages, before.map(|before| before.messages)),
            skipped: each.skipped,
            lag: each.lag,
            waiting_seconds: seconds(each.waiting_ns),
            busy: self.share(each.busy_ns, before.map(|before| before.busy_ns)),
            running_seconds: each.running_ns.map(seconds),
            missed: each.missed,
            panics: each.panics,
            last_panic: each.last_panic.clone(),
            fate: each.fate.clone(),
        }
    }

    fn system(&self, system: &SystemSnapshot, before: Option<&SystemSnapshot>) -> System {
        System {
            name: system.name.clone(),
            state: system.state.clone(),
            living: system.living,
            spawned: system.spawned,
            handled: system.handled,
            handled_per_second: self.rate(system.handled, before.map(|before| before.handled)),
            dead_letters: system.dead_letters,
        }
    }

    fn actor(
        &self,
        system: &SystemSnapshot,
        each: &ActorSnapshot,
        before: Option<&SystemSnapshot>,
    ) -> Actor {
        let is_it = |other: &&ActorSnapshot| other.address == each.address;
        let before = before.and_then(|all| all.actors.iter().find(is_it));
        Actor {
            system: system.name.clone(),
            name: each.name.clone().unwrap_or_else(|| each.address.clone()),
            depth: each.depth,
            capacity: each.capacity,
            fill: each.depth as f64 / each.capacity.max(1) as f64,
            high_water: each.high_water,
            oldest_seconds: each.oldest_ns.map(seconds),
            handled: each.handled,
            handled_per_second: self.rate(each.handled, before.map(|before| before.handled)),
            handling_p50_seconds: each.handling_p50_ns.map(seconds),
            handling_p99_seconds: each.handling_p99_ns.map(seconds),
            panics: each.panics,
            restarts: each.restarts,
        }
    }

    /// Requests and dead letters, of brokers of the process and beyond.
    fn brokers(&self, view: &mut View) {
        for broker in &self.now.brokers {
            let before = self.find(|all| &all.brokers, |other| other.name == broker.name);
            let (requests, letters) =
                (before.map(|before| &before.requests), before.map(|before| &before.dead_letters));
            view.requests.push(self.requests(&broker.name, &broker.requests, requests));
            view.dead_letters.extend(self.letters(&broker.name, &broker.dead_letters, letters));
        }
        for remote in &self.now.remotes {
            let before = self.find(|all| &all.remotes, |other| other.name == remote.name);
            let (requests, letters) =
                (before.map(|before| &before.requests), before.map(|before| &before.dead_letters));
            view.requests.push(self.requests(&remote.name, &remote.requests, requests));
            view.dead_letters.extend(self.letters(&remote.name, &remote.dead_letters, letters));
        }
    }

    fn requests(
        &self,
        broker: &str,
        requests: &RequestSnapshot,
        before: Option<&RequestSnapshot>,
    ) -> Requests {
        Requests {
            broker: broker.to_owned(),
            pending: requests.pending,
            limit: requests.limit,
            answered: requests.answered,
            answered_per_second: self.rate(requests.answered, before.map(|before| before.answered)),
            timed_out: requests.timed_out,
            abandoned: requests.abandoned,
            undeliverable: requests.undeliverable,
        }
    }

    /// The reasons for which there have been any.
    fn letters<'a>(
        &'a self,
        broker: &'a str,
        letters: &'a BTreeMap<String, u64>,
        before: Option<&'a BTreeMap<String, u64>>,
    ) -> impl Iterator<Item = DeadLetters> + 'a {
        letters.iter().filter(|(_, count)| **count > 0).map(move |(reason, count)| DeadLetters {
            broker: broker.to_owned(),
            reason: reason.clone(),
            count: *count,
            per_second: self.rate(*count, before.and_then(|before| before.get(reason)).copied()),
        })
    }

    fn backend(&self, remote: &RemoteSnapshot) -> Backend {
        let before = self.find(|all| &all.remotes, |other| other.name == remote.name);
        Backend {
            name: remote.name.clone(),
            backend: remote.backend.clone(),
            state: remote.state.clone(),
            connections_lost: remote.connections_lost,
            interruptions: remote.interruptions,
            published: remote.published,
            published_per_second: self
                .rate(remote.published, before.map(|before| before.published)),
            received: remote.received,
            received_per_second: self.rate(remote.received, before.map(|before| before.received)),
            dropped: remote.dropped,
            undecodable: remote.undecodable,
            redelivered: remote.redelivered,
            failed_acks: remote.failed_acks,
            streams: remote.streams,
        }
    }

    /// A line for each circuit that is not closed; one at least.
    fn circuits(&self, breaker: &CircuitBreakerSnapshot) -> Vec<CircuitBreaker> {
        let line = |recipient, state: &str| CircuitBreaker {
            broker: breaker.broker.clone(),
            recipient,
            state: state.to_owned(),
            recipients: breaker.recipients,
            opened: breaker.opened,
            untracked: breaker.untracked,
        };
        match &breaker.circuits[..] {
            [] => vec![line(None, "closed")],
            open => open
                .iter()
                .map(|each| line(Some(self.name_of(&each.recipient)), &each.state))
                .collect(),
        }
    }

    /// An address, or the name of the actor that has it.
    fn name_of(&self, address: &str) -> String {
        let mut actors = self.now.systems.iter().flat_map(|system| &system.actors);
        let actor = actors.find(|actor| actor.address == address);
        actor.and_then(|actor| actor.name.clone()).unwrap_or_else(|| address.to_owned())
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
