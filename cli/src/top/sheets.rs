//! The tables that there are, and what is worth a look in each.

use crate::top::sheet::Alert::{None as Fine, Trouble, Warning};
use crate::top::sheet::{Cell, Column, Sheet, number, text};
use crate::top::view::{
    Actor, Backend, Bus, CircuitBreaker, DeadLetters, Handler, Requests, Subscriber, System,
    Thread, View,
};
use crate::top::words::{count, percent, time, whole};

impl View {
    /// The table above all others.
    pub fn rings(&self) -> Sheet {
        sheet(["Buses", "Bus"], BUSES, &self.buses, bus)
    }

    /// The tables that are shown one at a time.
    pub fn sheets(&self) -> Vec<Sheet> {
        vec![
            sheet(["Subscribers", "Subs"], SUBSCRIBERS, &self.subscribers, subscriber),
            sheet(["Handlers", "Hand"], HANDLERS, &self.handlers, handler),
            sheet(["Threads", "Thr"], THREADS, &self.threads, thread),
            sheet(["Actors", "Act"], ACTORS, &self.actors, actor),
            sheet(["Systems", "Sys"], SYSTEMS, &self.systems, system),
            sheet(["Dead letters", "Dead"], DEAD_LETTERS, &self.dead_letters, dead_letters),
            sheet(["Requests", "Req"], REQUESTS, &self.requests, requests),
            sheet(["Breakers", "Brk"], BREAKERS, &self.circuit_breakers, breaker),
            sheet(["Backends", "Back"], BACKENDS, &self.backends, backend),
        ]
    }
}

fn sheet<T>(
    [title, short]: [&'static str; 2],
    columns: &'static [Column],
    things: &[T],
    row: fn(&T) -> Vec<Cell>,
) -> Sheet {
    Sheet { title, short, columns, rows: things.iter().map(row).collect() }
}

// ===== cells =====

fn exact(number: u64) -> Cell {
    Cell::number(number as f64, whole(number))
}

fn rate(per_second: Option<f64>) -> Cell {
    Cell::maybe(per_second, |rate| if rate == 0.0 { "0".into() } else { count(rate) })
}

fn duration(seconds: Option<f64>) -> Cell {
    Cell::maybe(seconds, time)
}

fn share(share: Option<f64>) -> Cell {
    let busy = share.unwrap_or(0.0);
    Cell::maybe(share, percent).alert_if(Warning, busy >= 0.9)
}

/// How full something is: a warning from a half on, trouble when it is full.
fn full(share: f64) -> Cell {
    let alert = match share {
        share if share >= 0.999 => Trouble,
        share if share >= 0.5 => Warning,
        _ => Fine,
    };
    Cell::number(share, percent(share)).alert(alert)
}

/// What should not happen: a warning if it has, trouble while it does.
fn bad(number: u64, per_second: Option<f64>) -> Cell {
    let is_going_on = per_second.is_some_and(|rate| rate > 0.0);
    let alert = if is_going_on { Trouble } else { Warning };
    exact(number).alert_if(alert, number > 0)
}

// ===== rows =====

const BUSES: &[Column] = &[
    text("bus"),
    number("publishers"),
    number("waiting"),
    number("published/s"),
    number("published"),
    number("unheard"),
    number("capacity"),
    number("fill"),
    text("state"),
];

fn bus(bus: &Bus) -> Vec<Cell> {
    vec![
        Cell::text(&bus.name),
        exact(bus.publishers),
        exact(bus.waiting_publishers).alert_if(Warning, bus.waiting_publishers > 0),
        rate(bus.published_per_second),
        exact(bus.published),
        exact(bus.unheard),
        exact(bus.capacity),
        full(bus.fill as f64 / bus.capacity.max(1) as f64),
        Cell::text(if bus.closed { "closed" } else { "open" }),
    ]
}

const SUBSCRIBERS: &[Column] = &[
    text("subscriber"),
    text("bus"),
    text("policy"),
    number("lag"),
    number("of ring"),
    number("lag time"),
    number("trend/s"),
    number("read/s"),
    number("missed"),
    text("state"),
];

fn subscriber(each: &Subscriber) -> Vec<Cell> {
    let state = match each {
        Subscriber { evicted: true, .. } => Cell::text("evicted").alert(Trouble),
        Subscriber { parked: true, .. } => Cell::text("parked"),
        _ => Cell::text("awake"),
    };
    vec![
        Cell::text(&each.name),
        Cell::text(&each.bus),
        Cell::text(&each.overflow),
        exact(each.lag),
        full(each.behind),
        lag_time(each),
        trend(each),
        rate(each.read_per_second),
        bad(each.missed, each.missed_per_second),
        state,
    ]
}

fn lag_time(each: &Subscriber) -> Cell {
    let longer = if each.lag_is_longer { "> " } else { "" };
    Cell::maybe(each.lag_seconds, |seconds| format!("{longer}{}", time(seconds)))
}

/// Falling behind by a hundredth of what it is behind already is worth an arrow.
fn trend(each: &Subscriber) -> Cell {
    let least = (each.lag as f64 / 100.0).max(1.0);
    let arrow = match each.trend_per_second {
        Some(trend) if trend >= least => "▲",
        Some(trend) if trend <= -least => "▼",
        _ => "=",
    };
    Cell::maybe(each.trend_per_second, |trend| format!("{arrow} {}", count(trend.abs())))
        .alert_if(Warning, arrow == "▲" && each.behind >= 0.1)
}

const HANDLERS: &[Column] = &[
    text("handler"),
    text("router"),
    text("group"),
    number("thread"),
    number("handled/s"),
    number("handled"),
    number("lag"),
    number("waiting"),
    number("busy"),
    number("missed"),
    number("panics"),
    text("state"),
];

fn handler(each: &Handler) -> Vec<Cell> {
    let stuck = each.running_seconds.filter(|seconds| *seconds >= 1.0);
    let state = match (&each.fate, stuck) {
        (Some(fate), _) if fate == "panicked" || fate == "evicted" || fate == "stuck" => {
            Cell::text(fate).alert(Trouble)
        }
        (Some(fate), _) => Cell::text(fate),
        (None, Some(seconds)) => {
            Cell::text(format!("in a batch for {}", time(seconds))).alert(Trouble)
        }
        (None, None) => Cell::text("runs"),
    };
    vec![
        Cell::text(&each.name),
        Cell::text(&each.router),
        Cell::text(each.group.as_deref().unwrap_or("-")),
        exact(each.thread),
        rate(each.messages_per_second),
        exact(each.messages),
        exact(each.lag),
        duration(Some(each.waiting_seconds)),
        share(each.busy),
        exact(each.missed).alert_if(Warning, each.missed > 0),
        exact(each.panics).alert_if(Warning, each.panics > 0),
        state,
    ]
}

const THREADS: &[Column] = &[
    text("thread"),
    text("router"),
    text("core"),
    number("handlers"),
    number("busy"),
    number("in turn for"),
];

fn thread(each: &Thread) -> Vec<Cell> {
    let core = match (each.core, &each.pin_refused) {
        (Some(core), _) => Cell::text(core.to_string()),
        (None, Some(reason)) => Cell::text(format!("not pinned: {reason}")).alert(Warning),
        (None, None) => Cell::text("any"),
    };
    let is_stuck = each.in_turn_seconds.is_some_and(|seconds| seconds >= 1.0);
    vec![
        Cell::text(&each.name),
        Cell::text(&each.router),
        core,
        exact(each.handlers),
        share(each.busy),
        duration(each.in_turn_seconds).alert_if(Trouble, is_stuck),
    ]
}

const ACTORS: &[Column] = &[
    text("actor"),
    text("system"),
    number("mailbox"),
    number("capacity"),
    number("fill"),
    number("oldest"),
    number("handled/s"),
    number("handled"),
    number("p50"),
    number("p99"),
    number("panics"),
    number("restarts"),
];

fn actor(each: &Actor) -> Vec<Cell> {
    vec![
        Cell::text(&each.name),
        Cell::text(&each.system),
        exact(each.depth),
        exact(each.capacity),
        full(each.fill),
        duration(each.oldest_seconds),
        rate(each.handled_per_second),
        exact(each.handled),
        duration(each.handling_p50_seconds),
        duration(each.handling_p99_seconds),
        exact(each.panics).alert_if(Warning, each.panics > 0),
        exact(each.restarts).alert_if(Warning, each.restarts > 0),
    ]
}

const SYSTEMS: &[Column] = &[
    text("system"),
    text("state"),
    number("living"),
    number("spawned"),
    number("handled/s"),
    number("handled"),
    number("dead letters"),
];

fn system(each: &System) -> Vec<Cell> {
    vec![
        Cell::text(&each.name),
        Cell::text(&each.state),
        exact(each.living),
        exact(each.spawned),
        rate(each.handled_per_second),
        exact(each.handled),
        exact(each.dead_letters).alert_if(Warning, each.dead_letters > 0),
    ]
}

const DEAD_LETTERS: &[Column] =
    &[text("reason"), text("broker"), number("letters"), number("letters/s")];

fn dead_letters(each: &DeadLetters) -> Vec<Cell> {
    vec![
        Cell::text(&each.reason),
        Cell::text(&each.broker),
        bad(each.count, each.per_second),
        rate(each.per_second),
    ]
}

const REQUESTS: &[Column] = &[
    text("broker"),
    number("pending"),
    number("limit"),
    number("answered/s"),
    number("answered"),
    number("timed out"),
    number("abandoned"),
    number("undeliverable"),
];

fn requests(each: &Requests) -> Vec<Cell> {
    vec![
        Cell::text(&each.broker),
        exact(each.pending).alert_if(Trouble, each.pending >= each.limit),
        exact(each.limit),
        rate(each.answered_per_second),
        exact(each.answered),
        exact(each.timed_out).alert_if(Warning, each.timed_out > 0),
        exact(each.abandoned),
        exact(each.undeliverable),
    ]
}

const BREAKERS: &[Column] = &[
    text("broker"),
    text("recipient"),
    text("circuit"),
    number("failing"),
    number("opened"),
    number("untracked"),
];

fn breaker(each: &CircuitBreaker) -> Vec<Cell> {
    let alert = match each.state.as_str() {
        "open" => Trouble,
        "half_open" => Warning,
        _ => Fine,
    };
    vec![
        Cell::text(&each.broker),
        Cell::text(each.recipient.as_deref().unwrap_or("all")),
        Cell::text(&each.state).alert(alert),
        exact(each.recipients),
        exact(each.opened),
        exact(each.untracked).alert_if(Warning, each.untracked > 0),
    ]
}

const BACKENDS: &[Column] = &[
    text("backend"),
    text("kind"),
    text("connection"),
    number("lost"),
    number("published/s"),
    number("received/s"),
    number("streams"),
    number("dropped"),
    number("undecodable"),
    number("redelivered"),
    number("failed acks"),
];

fn backend(each: &Backend) -> Vec<Cell> {
    let alert = if each.state == "reconnecting" { Trouble } else { Fine };
    let lost = each.connections_lost + each.interruptions;
    vec![
        Cell::text(&each.name),
        Cell::text(&each.backend),
        Cell::text(&each.state).alert(alert),
        exact(lost).alert_if(Warning, lost > 0),
        rate(each.published_per_second),
        rate(each.received_per_second),
        exact(each.streams),
        exact(each.dropped).alert_if(Warning, each.dropped > 0),
        exact(each.undecodable).alert_if(Warning, each.undecodable > 0),
        exact(each.redelivered).alert_if(Warning, each.redelivered > 0),
        exact(each.failed_acks).alert_if(Warning, each.failed_acks > 0),
    ]
}
