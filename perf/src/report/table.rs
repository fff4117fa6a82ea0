//! The table of a row: a head, and a line for each contender from the best to the worst.

use crate::{
    measurement::Measurement,
    report::number::{millions, percent, short, time, times},
    results::{Contender, DOCUMENTED, RowResults},
    rows::{Figure, Kind},
    stats::Summary,
};

/// A table of text.
pub struct Table {
    /// The columns' names.
    pub head: Vec<&'static str>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a table.
pub struct Line {
    /// The cells, one for each column.
    pub cells: Vec<String>,
    /// The length of its bar, 0 to 1.
    pub bar: f64,
}

/// A column: its name, and what it says about a contender.
type Column = (&'static str, fn(&RowResults, &Contender) -> Option<String>);

/// The table of a row.
pub fn table(row: &RowResults) -> Table {
    let columns = columns(row);
    let full = full_length(row);
    let line = |contender: &Contender| Line {
        cells: columns
            .iter()
            .map(|(_, cell)| cell(row, contender).unwrap_or_else(|| "-".into()))
            .collect(),
        bar: length(row, contender).map_or(0.0, |length| length / full),
    };
    Table {
        head: columns.iter().map(|(name, _)| *name).collect(),
        lines: row.ranked().into_iter().map(line).collect(),
    }
}

/// What a bar of full length stands for: the greatest value, but one core at least, so that nothing
/// looks like nothing.
fn full_length(row: &RowResults) -> f64 {
    let least = if row.row.figure() == Figure::Cores { 1.0 } else { f64::MIN_POSITIVE };
    row.contenders.iter().filter_map(|contender| length(row, contender)).fold(least, f64::max)
}

/// What the bar of a contender shows.
fn length(row: &RowResults, contender: &Contender) -> Option<f64> {
    contender.median(|measurement| measurement.value(row.row.figure()))
}

/// The columns of a row.
fn columns(row: &RowResults) -> Vec<Column> {
    let mut columns: Vec<Column> = vec![("contender", |_, contender| Some(contender.name.into()))];
    columns.extend_from_slice(match row.row.figure() {
        Figure::Rate => RATE,
        Figure::Latency => LATENCY,
        Figure::Nanos => NANOS,
        Figure::Ratio => RATIO,
        Figure::Cores => &[CORES],
    });
    columns
}

/// Of rows that go as fast as they can.
const RATE: &[Column] = &[
    ("M msg/s", |_, contender| spread(contender, |each| Some(each.messages_per_second), millions)),
    ("M deliveries/s", |_, contender| {
        median(contender, |each| Some(each.deliveries_per_second), millions)
    }),
    ALLOCATIONS,
    CORES,
    REFERENCE,
    ("x 3 M", |_, contender| {
        median(contender, |each| Some(each.messages_per_second / DOCUMENTED), times)
    }),
    ("lost", |row, contender| Some(loss(row, contender))),
];

/// Of latency rows.
const LATENCY: &[Column] = &[
    ("p50", |_, contender| spread(contender, |each| Some(each.latency.as_ref()?.p50 as f64), time)),
    ("p90", |_, contender| median(contender, |each| Some(each.latency.as_ref()?.p90 as f64), time)),
    ("p99", |_, contender| median(contender, |each| Some(each.latency.as_ref()?.p99 as f64), time)),
    ("p99.9", |_, contender| {
        median(contender, |each| Some(each.latency.as_ref()?.p999 as f64), time)
    }),
    ("max", |_, contender| median(contender, |each| Some(each.latency.as_ref()?.max as f64), time)),
    CORES,
    REFERENCE,
    ("lost", |row, contender| Some(loss(row, contender))),
];

/// Of rows where somebody publishes to nobody, publishes and polls in turn, or asks.
const NANOS: &[Column] =
    &[("each", |_, contender| spread(contender, |each| each.nanos, time)), ALLOCATIONS, REFERENCE];

/// Of the churn row.
const RATIO: &[Column] = &[
    ("share of undisturbed", |_, contender| spread(contender, |each| each.ratio, short)),
    ("M msg/s meanwhile", |_, contender| {
        median(contender, |each| Some(each.messages_per_second), millions)
    }),
    ("lost", |row, contender| Some(loss(row, contender))),
];

/// Allocations per message.
const ALLOCATIONS: Column =
    ("allocs/msg", |_, contender| median(contender, |each| Some(each.allocations), allocations));

/// Cores kept busy.
const CORES: Column = ("cores", |_, contender| {
    median(contender, |each| Some(each.cores), |cores| format!("{cores:.2}"))
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
