//! Runs the plan: round by round, so that a drift of the machine hits everybody.

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    entry::Entry,
    plan::Plan,
    process,
    results::{Contender, Results, RowResults},
    rows::Row,
    usage::Others,
};

/// Runs everything in the plan.
pub fn run(plan: &Plan) -> Results {
    let mut results = blank(plan);
    let others = Others::watch();
    let progress = progress(plan.measurements());
    for round in 0..plan.rounds {
        for (place, row) in results.rows.iter_mut().enumerate() {
            if round < row.row.rounds(plan.rounds) {
                run_round(plan, place, row, round, &progress);
            }
        }
    }
    progress.finish_and_clear();
    results.others = others.cores();
    results
}

/// Runs one round of one row: everybody once, each time another one first.
fn run_round(
    plan: &Plan,
    place: usize,
    row: &mut RowResults,
    round: usize,
    progress: &ProgressBar,
) {
    let count = row.contenders.len();
    for turn in 0..count {
        let contender = &mut row.contenders[(turn + round) % count];
        progress.set_message(format!("{} {}", row.row.name, contender.name));
        match process::measure(plan.call, &plan.job(place, contender.name)) {
            Ok(measurement) => contender.rounds.push(Some(measurement)),
            Err(error) => {
                progress.println(format!("{} {}: {error}", row.row.name, contender.name));
                contender.rounds.push(None);
                contender.failure = Some(error);
            }
        }
        progress.inc(1);
    }
}

/// Results with nothing in them yet.
fn blank(plan: &Plan) -> Results {
    let row = |(row, contenders): &(&'static Row, Vec<Entry>)| RowResults {
        row,
        contenders: contenders.iter().map(Contender::new).collect(),
    };
    Results::new(plan, plan.rows.iter().map(row).collect())
}

/// A progress bar, on standard error.
fn progress(length: usize) -> ProgressBar {
    let style = "{elapsed:>4} [{bar:30}] {pos}/{len} {msg} (about {eta} left)";
    let style =
        ProgressStyle::with_template(style).expect("a valid template").progress_chars("=> ");
    ProgressBar::new(length as u64).with_style(style)
}
