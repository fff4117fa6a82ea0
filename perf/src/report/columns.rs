//! The columns of the tables, by what a row is ranked by.

use crate::{
    measurement::Measurement,
    report::number::{millions, percent, short, time, times},
    results::{Contender, DOCUMENTED, RowResults},
    rows::{Figure, Kind},
    stats::Summary,
};

/// A column: its name, and what it says about a contender.
pub type Column = (&'static str, fn(&RowResults, &Contender) -> Option<String>);

/// The columns of a row.
pub fn columns(row: &RowResults) -> Vec<Column> {
    let mut columns: Vec<Column> = vec![("contender", |_, contender| Some(contender.name.into()))];
    columns.extend_from_slice(match row.row.figure() {
        _ if row.row.kind.is_about_actors() => actor_columns(row.row.kind),
        Figure::Rate if row.row.kind.backend().is_some() => REMOTE,
        Figure::Latency if row.row.kind.backend().is_some() => ASKS,
        Figure::Rate => RATE,
        Figure::Latency => LATENCY,
        Figure::Nanos => NANOS,
        Figure::Ratio => RATIO,
        Figure::Cores | Figure::Bytes => &[CORES],
    });
    if row.contenders.iter().all(|contender| contender.name != crate::entry::REFERENCE) {
        columns.retain(|(name, _)| ![REFERENCE.0, DOCUMENTED_RATE.0].contains(name));
    }
    columns
}

/// The columns of a row about actors.
fn actor_columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::ActorTell => TELLS,
        Kind::ActorSpawn => SPAWNS,
        Kind::ActorMemory => BYTES,
        Kind::ActorAskWorkers => ASKS_IN_FLIGHT,
        _ => ASKS,
    }
}

/// Of rows that go as fast as they can.
const RATE: &[Column] = &[
    rate("M msg/s"),
    ("M deliveries/s", |_, contender| {
        median(contender, |each| Some(each.deliveries_per_second), millions)
    }),
    ALLOCATIONS,
    CORES,
    REFERENCE,
    DOCUMENTED_RATE,
    ("lost", |row, contender| Some(loss(row, contender))),
];

/// Of latency rows.
const LATENCY: &[Column] = &[
    P50,
    ("p90", |_, contender| median(contender, |each| Some(each.latency.as_ref()?.p90 as f64), time)),
    P99,
    P999,
    ("max", |_, contender| median(contender, |each| Some(each.latency.as_ref()?.max as f64), time)),
    CORES,
    REFERENCE,
    ("lost", |row, contender| Some(loss(row, contender))),
];

/// Of rows where somebody publishes to nobody, publishes and polls in turn, or asks.
const NANOS: &[Column] = &[EACH, ALLOCATIONS, REFERENCE];

/// Of the churn row.
const RATIO: &[Column] = &[
    ("share of undisturbed", |_, contender| spread(contender, |each| each.ratio, short)),
    ("M msg/s meanwhile", |_, contender| {
        median(contender, |each| Some(each.messages_per_second), millions)
    }),
    ("lost", |row, contender| Some(loss(row, contender))),
];

/// Of rows in which actors are told something.
const TELLS: &[Column] =
    &[rate("M tells/s"), ("allocs/tell", ALLOCATIONS.1), CORES, MAILBOX, BOOKS];

/// Of rows in which messages go through a server.
const REMOTE: &[Column] = &[rate("M msg/s"), ALLOCATIONS, CORES, BOOKS];

/// Of rows in which an actor or a service beyond the process is asked.
const ASKS: &[Column] = &[P50, P99, P999, EACH, ("allocs/ask", ALLOCATIONS.1), BOOKS];

/// Of rows in which an actor is asked by many tasks.
const ASKS_IN_FLIGHT: &[Column] =
    &[rate("M asks/s"), P50, P99, ("allocs/ask", ALLOCATIONS.1), BOOKS];

/// Of the row in which actors are spawned and stopped.
const SPAWNS: &[Column] = &[rate("M actors/s"), EACH, ("allocs/actor", ALLOCATIONS.1), BOOKS];

/// Of the row about memory.
const BYTES: &[Column] = &[
    ("bytes/actor", |_, contender| {
        spread(contender, |each| each.bytes, |bytes| format!("{bytes:.0}"))
    }),
    BOOKS,
];

/// Millions per second of what the column is called after.
const fn rate(name: &'static str) -> Column {
    (name, |_, contender| spread(contender, |each| Some(each.messages_per_second), millions))
}

/// Half of the messages were faster.
const P50: Column =
    ("p50", |_, contender| spread(contender, |each| Some(each.latency.as_ref()?.p50 as f64), time));

/// 99 % were faster.
const P99: Column =
    ("p99", |_, contender| median(contender, |each| Some(each.latency.as_ref()?.p99 as f64), time));

/// 99.9 % were faster.
const P999: Column = ("p99.9", |_, contender| {
    median(contender, |each| Some(each.latency.as_ref()?.p999 as f64), time)
});

/// The time that each took on average.
const EACH: Column = ("each", |_, contender| spread(contender, |each| each.nanos, time));

/// Whether every message was handled once and in order, every request answered, every actor ended: in every round.
const BOOKS: Column = ("books", |_, contender| {
    Some(if contender.failure.is_some() { "FAILED".into() } else { "balanced".into() })
});

/// Whether who tells an actor waits for room in its mailbox.
const MAILBOX: Column = ("mailbox", |_, contender| {
    Some(if contender.bounded { "bounded".into() } else { "unbounded".into() })
});

/// Allocations per message.
const ALLOCATIONS: Column =
    ("allocs/msg", |_, contender| median(contender, |each| Some(each.allocations), allocations));

/// Cores kept busy.
const CORES: Column = ("cores", |_, contender| {
    median(contender, |each| Some(each.cores), |cores| format!("{cores:.2}"))
});

/// How many times the rate that is documented for the reference design.
const DOCUMENTED_RATE: Column = ("x 3 M", |_, contender| {
    median(contender, |each| Some(each.messages_per_second / DOCUMENTED), times)
});

/// How many times as good as the reference design.
const REFERENCE: Column =
    ("x reference", |row, contender| row.over_reference(contender).map(times));

/// The median of something, in words.
fn median(
    contender: &Contender,
    of: impl Fn(&Measurement) -> Option<f64>,
    words: impl Fn(f64) -> String,
) -> Option<String> {
    contender.median(of).map(words)
}

/// The median and the spread of something, in words.
fn spread(
    contender: &Contender,
    of: impl Fn(&Measurement) -> Option<f64>,
    words: impl Fn(f64) -> String,
) -> Option<String> {
    let Summary { median, min, max } = contender.summary(of)?;
    Some(match min == max {
        true => words(median),
        false => format!("{} ({} - {})", words(median), words(min), words(max)),
    })
}

/// Allocations in words: zero is zero, and a few at the start are none.
fn allocations(per_message: f64) -> String {
    if per_message < 5e-5 { "0".into() } else { format!("{per_message:.4}") }
}

/// What was lost: nothing by promise, or so much; in the slow row, by the slow subscriber too.
fn loss(row: &RowResults, contender: &Contender) -> String {
    if contender.failure.is_some() {
        return "FAILED".into();
    }
    let lost = contender.median(|each| Some(each.lost)).unwrap_or_default();
    let own = if contender.lossless { "lossless".into() } else { percent(lost) };
    match contender.median(|each| each.slow_lost) {
        Some(slow) if row.row.kind == Kind::Slow => format!("{own} (slow one: {})", percent(slow)),
        _ => own,
    }
}
