//! Reports: the terminal, Markdown, CSV, JSON and charts, all from the same tables.

pub mod chart;
pub mod csv;
pub mod json;
pub mod listing;
pub mod markdown;
pub mod table;
pub mod terminal;

mod columns;
mod number;

use crate::{
    results::Results,
    workload::{BATCH, CAPACITY, Message},
};

/// The head of a report: machine, compiler, commit, workload.
pub fn head(results: &Results) -> Vec<(&'static str, String)> {
    let machine = &results.machine;
    vec![
        ("machine", format!("{}, {} cores, {}", machine.cpu, machine.cores, machine.os)),
        ("compiler", machine.rustc.clone()),
        ("commit", machine.commit.clone()),
        ("workload", workload()),
        ("method", method(results)),
    ]
}

/// What is sent.
fn workload() -> String {
    let bytes = size_of::<Message>();
    let queues = format!("rings and queues of {CAPACITY}");
    format!("{bytes}-byte messages, {queues}, unbatched unless said (then {BATCH} at once)")
}

/// How it is measured.
fn method(results: &Results) -> String {
    let (rounds, extent) = (results.rounds, results.extent());
    format!(
        "{rounds} interleaved rounds, a process for each measurement, {extent}; median (min - max)"
    )
}
