//! The summaries as CSV: a line for each contender in each row.

use crate::{
    measurement::Measurement,
    results::{Contender, Results, RowResults},
};

/// What the columns after the names say.
type Field = (&'static str, fn(&Measurement) -> Option<f64>);

/// The figures; the first has its spread beside it.
const FIELDS: &[Field] = &[
    ("deliveries_per_second", |each| Some(each.deliveries_per_second)),
    ("lost", |each| Some(each.lost)),
    ("allocations_per_message", |each| Some(each.allocations)),
    ("cores", |each| Some(each.cores)),
    ("nanoseconds_each", |each| each.nanos),
    ("share_of_undisturbed", |each| each.ratio),
    ("lost_by_slow", |each| each.slow_lost),
    ("bytes_each", |each| each.bytes),
    ("p50_ns", |each| each.latency.as_ref().map(|latency| latency.p50 as f64)),
    ("p90_ns", |each| each.latency.as_ref().map(|latency| latency.p90 as f64)),
    ("p99_ns", |each| each.latency.as_ref().map(|latency| latency.p99 as f64)),
    ("p999_ns", |each| each.latency.as_ref().map(|latency| latency.p999 as f64)),
    ("max_ns", |each| each.latency.as_ref().map(|latency| latency.max as f64)),
];

/// All of it.
pub fn render(results: &Results) -> String {
    let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let rate = "messages_per_second,messages_per_second_min,messages_per_second_max";
    let mut text =
        format!("row,contender,lossless,rounds,{rate},{},x_reference\n", names.join(","));
    for row in &results.rows {
        for contender in row.ranked() {
            text += &line(row, contender);
        }
    }
    text
}

/// The line of one contender. Names have neither commas nor quotes.
fn line(row: &RowResults, contender: &Contender) -> String {
    let rounds = contender.rounds.iter().flatten().count();
    let mut cells =
        vec![row.row.name.to_owned(), contender.name.to_owned(), contender.lossless.to_string()];
    cells.push(rounds.to_string());
    let rate = contender.summary(|each| Some(each.messages_per_second));
    cells.extend(
        [rate.map(|rate| rate.median), rate.map(|rate| rate.min), rate.map(|rate| rate.max)]
            .map(cell),
    );
    cells.extend(FIELDS.iter().map(|(_, field)| cell(contender.median(field))));
    cells.push(cell(row.over_reference(contender)));
    cells.join(",") + "\n"
}

/// A number, or nothing.
fn cell(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
