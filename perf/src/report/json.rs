//! Everything as JSON, every round of it.

use serde_json::{Value, json};

use crate::results::{Contender, Results, RowResults};

/// All of it.
pub fn render(results: &Results) -> String {
    let rows: Vec<Value> = results.rows.iter().map(row).collect();
    let value = json!({
        "machine": results.machine,
        "rounds": results.rounds,
        "stop": results.stop,
        "own": results.own,
        "warnings": results.warnings(),
        "rows": rows,
    });
    format!("{value:#}\n")
}

/// One row.
fn row(row: &RowResults) -> Value {
    let contenders: Vec<Value> =
        row.ranked().into_iter().map(|each| contender(row, each)).collect();
    json!({
        "name": row.row.name,
        "title": row.row.title,
        "figure": row.row.figure(),
        "publishers": row.row.publishers,
        "subscribers": row.row.subscribers,
        "batch": row.row.batch,
        "pace": row.row.pace,
        "contenders": contenders,
    })
}

/// One contender in one row.
fn contender(row: &RowResults, contender: &Contender) -> Value {
    json!({
        "name": contender.name,
        "note": contender.note,
        "lossless": contender.lossless,
        "summary": contender.summary(|each| each.value(row.row.figure())),
        "over_reference": row.over_reference(contender),
        "failure": contender.failure,
        "rounds": contender.rounds,
    })
}
