//! Reports: the terminal, Markdown, CSV, JSON and charts, all from the same tables.

pub mod chart;
pub mod csv;
pub mod json;
#[cfg(feature = "peers")]
pub mod listing;
pub mod markdown;
pub mod number;
pub mod table;
pub mod terminal;

mod columns;

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
        ("workload", workload(results)),
        ("method", method(results)),
    ]
}

/// What is sent.
fn workload(results: &Results) -> String {
    let (bytes, queues) = match &results.own {
        Some(own) => (own.size, format!("rings of {}{}", own.capacity, cores(&own.cores))),
        None => (size_of::<Message>(), format!("rings and queues of {CAPACITY}")),
    };
    format!("{bytes}-byte messages, {queues}, unbatched unless said (then {BATCH} at once)")
}

/// Where it ran, if not on all cores.
fn cores(cores: &[usize]) -> String {
    if cores.is_empty() { String::new() } else { format!(", on cores {cores:?} alone") }
}

/// How it is measured.
fn method(results: &Results) -> String {
    let (rounds, extent) = (results.rounds, results.extent());
    format!(
        "{rounds} interleaved rounds, a process for each measurement, {extent}; median (min - max)"
    )
}
